"""The Embedder on Triton: texts to unit vectors through the bi-encoder."""

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelAnswerInvalid, ModelUnavailable
from gateway.encoding.embedding import EmbeddingBundle
from gateway.ports import Embeddings
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import Inference

BATCH_TEXTS = 32
"""Texts of one model request: half the model's largest batch, so that callers can share one."""


class BiEncoder:
    """Embeds texts with the model named; one version only, since stored vectors belong to it. Give it endpoints of its
    own: its faults say nothing of another model."""

    def __init__(
        self, endpoints: Endpoints, open_files: Callable[[], EmbeddingBundle], width: int, model: str = "bi_encoder"
    ) -> None:
        self._endpoints = endpoints
        self._open_files = open_files
        self._bundle: EmbeddingBundle | None = None
        self._width = width
        self.model = model

    def bundle(self) -> EmbeddingBundle:
        """Its files, opened by whoever asks first. Raises ModelUnavailable as long as they are not in order."""
        if self._bundle is None:
            try:
                self._bundle = self._open_files()
            except (OSError, ValueError) as fault:
                raise ModelUnavailable(f"{self.model} cannot be used: {fault}") from fault
        return self._bundle

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        """Unit vectors [texts, width], float32. Raises ModelUnavailable, ModelOverloaded, DeadlineTooShort,
        ModelAnswerInvalid."""
        parts = [
            await self._embed_batch(texts[start : start + BATCH_TEXTS], budget)
            for start in range(0, len(texts), BATCH_TEXTS)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    def inference(self, texts: Sequence[str], budget: Budget) -> Inference:
        """The request for the vectors of a few texts. Raises ModelUnavailable."""
        token_ids_bt, mask_bt = self.bundle().encoder.encode(texts)
        return Inference(
            model=self.model,
            version="",
            inputs={"input_ids": token_ids_bt, "attention_mask": mask_bt},
            output="embedding",
            budget=budget,
            columns=self._width,
        )

    async def _embed_batch(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        vectors = await self._endpoints.infer(await asyncio.to_thread(self.inference, texts, budget))
        if not np.isfinite(vectors).all():
            # Perhaps these texts alone: no reason to send nobody there any more.
            raise ModelAnswerInvalid(f"{self.model} gave a vector that is not finite")
        return vectors
