"""Opens tokenizer files, the one place: no padding, no truncation, no special tokens from user text."""

from pathlib import Path

from tokenizers import Tokenizer


def open_tokenizer(path: Path) -> Tokenizer:
    """A Hugging Face ``tokenizer.json``. Text such as "[SEP]" becomes ordinary tokens, never a special one. Raises
    OSError or ValueError.

    Source: tokenizers ``Tokenizer.encode_special_tokens``; the same as ``split_special_tokens=True`` in transformers.
    """
    text = path.read_text(encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as fault:  # tokenizers has no class of its own for a broken file
        raise ValueError(f"{path} is no tokenizer: {fault}; write it again") from fault
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer
