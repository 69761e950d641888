"""Opens tokenizer files, the one place: no padding, no truncation, no special tokens from user text."""

from pathlib import Path

from tokenizers import Tokenizer


def open_tokenizer(path: Path) -> Tokenizer:
    """A Hugging Face ``tokenizer.json``. Text such as "[SEP]" becomes ordinary tokens, never a special one.

    Source: tokenizers ``Tokenizer.encode_special_tokens``; the same as ``split_special_tokens=True`` in transformers.
    """
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer
