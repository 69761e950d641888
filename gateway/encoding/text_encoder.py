"""Single texts to padded token ids for the bi-encoder. Knows no transport."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.encoding.tokenizer import open_tokenizer

TokenIds = npt.NDArray[np.int32]


_CHARACTERS = 32
"""Of a text that are looked at for each token that is kept: what follows hardly ever counts, and costs its length."""


class TextEncoder:
    """Encodes texts with the bi-encoder's own tokenizer, cut to ``max_tokens`` special tokens included, and before that
    to 32 characters for each of them."""

    def __init__(self, tokenizer_path: Path, max_tokens: int = 128) -> None:
        self._tokenizer = open_tokenizer(tokenizer_path)
        self._tokenizer.enable_truncation(max_tokens)
        self._max_characters = _CHARACTERS * max_tokens

    def encode(self, texts: Sequence[str]) -> tuple[TokenIds, TokenIds]:
        """(token ids, attention mask), both int32 [texts, longest]. Releases the interpreter lock while it works."""
        encodings = self._tokenizer.encode_batch_fast([text[: self._max_characters] for text in texts])
        lengths = [len(encoding.ids) for encoding in encodings]
        token_ids_bt = np.zeros((len(texts), max(lengths, default=1)), dtype=np.int32)
        mask_bt = np.zeros_like(token_ids_bt)
        for row, encoding in enumerate(encodings):
            token_ids_bt[row, : lengths[row]] = encoding.ids
            mask_bt[row, : lengths[row]] = 1
        return token_ids_bt, mask_bt
