"""The Embedder on Triton: texts to unit vectors through the bi-encoder."""

import asyncio
from collections.abc import Sequence

import numpy as np

from gateway.domain.budget import Budget
from gateway.encoding.text_encoder import TextEncoder
from gateway.ports import Embeddings
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import Inference

BATCH_TEXTS = 32
"""Texts of one model request: half the model's largest batch, so that callers can share one."""


class BiEncoder:
    """Embeds texts with the model named; one version only, since stored vectors belong to it."""

    def __init__(self, endpoints: Endpoints, encoder: TextEncoder, model: str = "bi_encoder") -> None:
        self._endpoints = endpoints
        self._encoder = encoder
        self._model = model

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        """Unit vectors [texts, 384], float32. Raises ModelUnavailable, ModelOverloaded, DeadlineTooShort."""
        parts = [
            await self._embed_batch(texts[start : start + BATCH_TEXTS], budget)
            for start in range(0, len(texts), BATCH_TEXTS)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

    async def _embed_batch(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        token_ids_bt, mask_bt = await asyncio.to_thread(self._encoder.encode, texts)
        return await self._endpoints.infer(
            Inference(
                model=self._model,
                version="",
                inputs={"input_ids": token_ids_bt, "attention_mask": mask_bt},
                output="embedding",
                budget=budget,
            )
        )
