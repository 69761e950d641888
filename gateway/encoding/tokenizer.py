"""Opens tokenizer files, the one place: no padding, no truncation, no special tokens from user text."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer


def open_tokenizer(path: Path) -> Tokenizer:
    """A Hugging Face ``tokenizer.json``. Text such as "[SEP]" becomes ordinary tokens, never a special one. Raises
    OSError or ValueError.

    Source: tokenizers ``Tokenizer.encode_special_tokens``; the same as ``split_special_tokens=True`` in transformers.
    """
    text = path.read_text(encoding="utf-8")
    if "model" not in _document(path, text):  # tokenizers has no class of its own for what it cannot read
        raise ValueError(f"{path} is no tokenizer: it has no model; write it again")
    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def _document(path: Path, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as fault:
        raise ValueError(f"{path} is no tokenizer: {fault}; write it again") from fault
    return document if isinstance(document, dict) else {}
