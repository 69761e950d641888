"""A checkpoint's files to a model in memory, after everything about them was checked that can be. Writes nothing."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import metadata_load
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForSequenceClassification, PreTrainedModel
from yaml import YAMLError

from training.errors import CheckpointUnusable
from training.model.source import Source

FAMILIES = ("bert", "distilbert", "electra", "modernbert", "roberta", "xlm-roberta")
"""Values of ``model_type`` whose graphs and pair templates are tested."""
TASK = "ForSequenceClassification"
ACTIVATIONS = ("Identity", "Sigmoid")
"""What sentence-transformers may apply to the logit. Both rise with it, so they rank alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A loaded cross-encoder of one logit, in fp32 and eval mode, and what its card must say of it.

    ``weights_sha256`` is over the bytes of all safetensors files in order of their names; ``licence`` is that of the
    model card's metadata, or empty.
    """

    source: Source
    model: PreTrainedModel
    tokenizer_file: Path
    activation: str
    weights_sha256: str
    licence: str
    folded_label: int | None = None


def open_checkpoint(source: Source, positive_label: int | None = None) -> Checkpoint:
    """Loads a checkpoint of a known family with safetensors weights, a fast tokenizer and one label.

    Of two labels, ``positive_label`` (0 or 1) is the relevant one: their logits' difference becomes the logit. Raises
    CheckpointUnusable.
    """
    config = _read_config(source.folder)
    _check_family(config)
    labels = _label_count(config)
    _check_labels(labels, positive_label)
    weights = _weight_files(source.folder)
    tokenizer_file = source.folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise CheckpointUnusable(
            f"{source.name} has no tokenizer.json", "save its fast tokenizer there: AutoTokenizer(…).save_pretrained"
        )
    activation = _activation(config)
    model = _load(source)
    if positive_label is not None:
        fold_two_labels(model, positive_label)
        activation = "Sigmoid"
    return Checkpoint(
        source=source,
        model=model,
        tokenizer_file=tokenizer_file,
        activation=activation,
        weights_sha256=_sha256(weights),
        licence=_licence(source.folder),
        folded_label=positive_label,
    )


def _read_config(folder: Path) -> Mapping[str, Any]:
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise CheckpointUnusable(
            f"{file} cannot be read: {fault}", "give the folder of a transformers model"
        ) from fault
    if not isinstance(config, dict):
        raise CheckpointUnusable(f"{file} is no JSON object", "give the folder of a transformers model")
    return config


def _check_family(config: Mapping[str, Any]) -> None:
    if "auto_map" in config:
        raise CheckpointUnusable(
            f"the checkpoint brings code of its own (auto_map: {config['auto_map']}), which is never run",
            f"take a checkpoint that transformers itself knows: {', '.join(FAMILIES)}",
        )
    family = config.get("model_type")
    if family not in FAMILIES:
        raise CheckpointUnusable(f"the model_type is {family!r}", f"take one of {', '.join(FAMILIES)}")
    architectures = config.get("architectures") or []
    if not any(name.endswith(TASK) for name in architectures):
        raise CheckpointUnusable(
            f"the checkpoint is a {', '.join(architectures) or 'model without a named architecture'}, not a …{TASK}",
            "take a cross-encoder; an encoder without a trained head must be fine-tuned first: crossrank train",
        )


def _label_count(config: Mapping[str, Any]) -> int:
    names = config.get("id2label")
    return len(names) if names else int(config.get("num_labels", 2))  # 2: the default of transformers


def _check_labels(labels: int, positive_label: int | None) -> None:
    if labels > 2:
        raise CheckpointUnusable(f"the head has {labels} labels; at most 2 make one logit", "take a relevance model")
    if labels == 2 and positive_label not in (0, 1):
        raise CheckpointUnusable(
            "the head has 2 labels, and nothing says which of them means relevant",
            "give --positive-label 1 (or 0): the logit becomes its logit less the other's",
        )
    if labels == 1 and positive_label is not None:
        raise CheckpointUnusable(f"the head has one label, and --positive-label {positive_label}", "leave it out")


def _weight_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        others = sorted(file.name for pattern in ("*.bin", "*.pt", "*.h5") for file in folder.glob(pattern))
        raise CheckpointUnusable(
            f"there is no model.safetensors, only {', '.join(others) or 'no weights at all'}",
            "loading pickled weights can run code: convert them where that is safe, model.save_pretrained(folder)",
        )
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                tensors.keys()
        except (SafetensorError, OSError) as fault:
            raise CheckpointUnusable(f"{file.name} is broken: {fault}", "download it again") from fault
    return files


def _activation(config: Mapping[str, Any]) -> str:
    """Of sentence-transformers: the class name; Sigmoid when the checkpoint says nothing."""
    path = config.get("sentence_transformers", {}).get("activation_fn") or config.get(
        "sbert_ce_default_activation_function"
    )
    name = "Sigmoid" if path is None else str(path).rpartition(".")[2]
    if name not in ACTIVATIONS:
        raise CheckpointUnusable(
            f"the checkpoint's activation is {path}; known are {' and '.join(ACTIVATIONS)}",
            "set sentence_transformers.activation_fn in its config.json if another one ranks the same",
        )
    return name


def _load(source: Source) -> PreTrainedModel:
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            source.folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as fault:
        raise CheckpointUnusable(
            f"transformers cannot load {source.name}: {str(fault).strip().splitlines()[0]}",
            "check that config.json and the weights belong together",
        ) from fault
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointUnusable(
            f"the weights of {source.name} lack {len(missing)} parameters, {missing[0]} among them",
            "random numbers would stand in for them: take a checkpoint with a trained head",
        )
    loaded: PreTrainedModel = model.eval()
    return loaded


def fold_two_labels(model: PreTrainedModel, positive: int) -> None:
    """Makes the head give ``logit[positive] − logit[other]``, in place, and the configuration say one label: without
    loss, since softmax over two logits is the sigmoid of their difference."""
    name, head = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == 2
    ][-1]
    folded = torch.nn.Linear(head.in_features, 1, bias=head.bias is not None)
    with torch.no_grad():
        folded.weight.copy_(head.weight[positive] - head.weight[1 - positive])
        if head.bias is not None:
            folded.bias.copy_(head.bias[positive] - head.bias[1 - positive])
    model.set_submodule(name, folded)
    model.config.num_labels = 1
    model.eval()


def _sha256(files: list[Path]) -> str:
    """Of all of them, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()


def _licence(folder: Path) -> str:
    """The field ``license`` of the card's YAML header; empty without a card, a header or such a field."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    try:
        header = metadata_load(card)
    except (ValueError, YAMLError):
        return ""
    return str((header or {}).get("license") or "")
