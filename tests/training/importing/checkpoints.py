"""Tiny seeded checkpoints of every family, as a hub has them, each with its own kind of tokenizer and template."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from training.export.int8.sample_texts import SAMPLE_TEXTS

BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MODEL_CARD = "---\nlicense: mit\nlanguage: en\n---\n# A tiny cross-encoder\n"
POSITIONS = 128
_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
}


@dataclass(frozen=True)
class Family:
    """How a family's checkpoints differ: configuration, tokenizer and the class that transformers gives it."""

    config: Mapping[str, Any]
    tokenizer: Callable[[], Tokenizer]
    tokenizer_class: str
    special: Mapping[str, str]
    tokens: int = POSITIONS
    """Longest input."""


def save_checkpoint(folder: Path, family: str, *, labels: int = 1, seed: int = 4, **config: Any) -> Path:
    """A checkpoint whose every parameter is random, so that none could be taken for another."""
    one = FAMILIES[family]
    folder.mkdir(parents=True)
    tokenizer = one.tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = {"tokenizer_class": one.tokenizer_class, "model_max_length": one.tokens, **one.special}
    _write(folder / "tokenizer_config.json", kind)
    pad = tokenizer.token_to_id(one.special["pad_token"])
    shape = {"vocab_size": tokenizer.get_vocab_size(), "pad_token_id": pad, "num_labels": labels}
    model = _random_model({**one.config, **shape, **config}, seed)
    model.save_pretrained(folder)
    (folder / "README.md").write_text(MODEL_CARD, encoding="utf-8")
    return folder


def change_config(folder: Path, **changes: Any) -> None:
    """Overwrites keys of config.json."""
    document = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _write(folder / "config.json", {**document, **changes})


def _random_model(config: Mapping[str, Any], seed: int) -> PreTrainedModel:
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**config))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.eval()
    return model


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _pieces() -> tuple[list[str], list[str]]:
    """Frequent words, and all characters. Trainers of word pieces and unigrams give another result every time."""
    counts = Counter(word for text in SAMPLE_TEXTS for word in re.findall(r"\w+|[^\w\s]", text.lower()))
    words = [word for word, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:250]]
    return words, sorted({character for word in counts for character in word})


def _word_piece() -> Tokenizer:
    words, characters = _pieces()
    vocabulary = dict.fromkeys([*BERT_SPECIAL, *characters, *(f"##{one}" for one in characters), *words])
    tokens = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(tokens, unk_token="[UNK]"))
    tokenizer.add_special_tokens(BERT_SPECIAL)
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    _bert_template(tokenizer)
    return tokenizer


def _unigram() -> Tokenizer:
    """SentencePiece as XLM-RoBERTa has it: words marked by ▁, <s> a </s></s> b </s>, one segment."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words, characters = _pieces()
    scores = dict.fromkeys(special, 0.0) | {f"▁{word}": -5.0 - place / 100 for place, word in enumerate(words)}
    scores |= dict.fromkeys(["▁", *characters], -12.0)
    tokenizer = Tokenizer(models.Unigram([*scores.items(), ("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    tokenizer.add_special_tokens([*special, "<mask>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("<s>", "</s>")],
    )
    return tokenizer


def _byte_pairs(special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SAMPLE_TEXTS, trainer)
    return tokenizer


def _roberta() -> Tokenizer:
    tokenizer = _byte_pairs(ROBERTA_SPECIAL)
    start, end = ("<s>", ROBERTA_SPECIAL.index("<s>")), ("</s>", ROBERTA_SPECIAL.index("</s>"))
    tokenizer.post_processor = processors.RobertaProcessing(end, start, add_prefix_space=False)
    return tokenizer


def _modern() -> Tokenizer:
    tokenizer = _byte_pairs(BERT_SPECIAL)
    tokenizer.normalizer = normalizers.NFC()
    _bert_template(tokenizer)
    return tokenizer


def _bert_template(tokenizer: Tokenizer) -> None:
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )


_BERT_NAMES = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
_ROBERTA_NAMES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
}
_DISTIL = {"dim": 32, "n_layers": 1, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": POSITIONS}
_MODERN: dict[str, Any] = {
    **_SIZES,
    "local_attention": 16,
    "bos_token_id": 2,
    "eos_token_id": 3,
}
_MODERN |= {"model_type": "modernbert", "cls_token_id": 2, "sep_token_id": 3}
_FROM_PAD = {"max_position_embeddings": POSITIONS + 2, "type_vocab_size": 1}

FAMILIES: Mapping[str, Family] = {
    "bert": Family({**_SIZES, "model_type": "bert"}, _word_piece, "BertTokenizer", _BERT_NAMES),
    "electra": Family(
        {**_SIZES, "num_hidden_layers": 1, "model_type": "electra", "embedding_size": 16},
        _word_piece,
        "ElectraTokenizer",
        _BERT_NAMES,
    ),
    "distilbert": Family({**_DISTIL, "model_type": "distilbert"}, _word_piece, "DistilBertTokenizer", _BERT_NAMES),
    "roberta": Family(
        {**_SIZES, **_FROM_PAD, "num_hidden_layers": 1, "model_type": "roberta"},
        _roberta,
        "RobertaTokenizer",
        _ROBERTA_NAMES,
    ),
    "xlm-roberta": Family(
        {**_SIZES, **_FROM_PAD, "num_hidden_layers": 1, "model_type": "xlm-roberta"},
        _unigram,
        "XLMRobertaTokenizer",
        _ROBERTA_NAMES,
    ),
    "modernbert-cls": Family({**_MODERN, "classifier_pooling": "cls"}, _modern, "PreTrainedTokenizerFast", _BERT_NAMES),
    "modernbert-mean": Family(
        {**_MODERN, "classifier_pooling": "mean"}, _modern, "PreTrainedTokenizerFast", _BERT_NAMES
    ),
}
