"""Where a checkpoint comes from: a folder, or a model hub at a pinned revision. Reads no weights and runs no code."""

from dataclasses import dataclass
from pathlib import Path

import httpx2
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from training.errors import SourceUnavailable

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "README.md")
BI_ENCODER_FILES = ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "*_*/config.json")
"""How sentence-transformers pools token states, where the model is one of its own."""
WEIGHTS = ("model*.safetensors", "model.safetensors.index.json")


@dataclass(frozen=True, slots=True)
class Source:
    """A checkpoint's files. ``name`` is for people; ``revision`` is a commit of the hub, empty for a folder."""

    name: str
    revision: str
    folder: Path


def find_source(model: str, revision: str | None = None) -> Source:
    """The folder ``model``, or else that repository of the hub, downloaded or from the hub's cache on this machine.

    Only configuration, tokenizer, card and safetensors are fetched, never code. Raises SourceUnavailable.
    """
    folder = Path(model)
    if folder.is_dir():
        if revision:
            raise SourceUnavailable(
                f"{model} is a folder, which has no revision {revision}", "leave --revision out, or name a hub's model"
            )
        return Source(folder.resolve().name, "", folder)
    try:
        fetched = snapshot_download(model, revision=revision, allow_patterns=[*FILES, *BI_ENCODER_FILES, *WEIGHTS])
    except HFValidationError as fault:
        raise SourceUnavailable(
            f"{model!r} is neither a folder nor a name of the form owner/model", "check the path or the name"
        ) from fault
    except (OSError, httpx2.HTTPError) as fault:
        raise _translated(model, revision or "main", fault) from fault
    return Source(model, Path(fetched).name, Path(fetched))


def _translated(model: str, revision: str, fault: Exception) -> SourceUnavailable:
    """The hub's errors in our words; the most specific first, since they inherit from each other."""
    place = f"{model} at revision {revision}"
    if isinstance(fault, GatedRepoError):
        return SourceUnavailable(f"{place} is gated", "accept its terms on the hub and log in: hf auth login")
    if isinstance(fault, RepositoryNotFoundError):
        return SourceUnavailable(
            f"the hub has no public model {model}, and there is no such folder",
            "check the name; private: hf auth login",
        )
    if isinstance(fault, RevisionNotFoundError):
        return SourceUnavailable(f"the hub has no {place}", "name a branch, a tag or a commit of that model")
    if isinstance(fault, (LocalEntryNotFoundError, httpx2.TransportError)):
        return SourceUnavailable(
            f"the hub cannot be reached, and {place} is neither in its cache on this machine nor a folder",
            "download it where there is a network and give the folder",
        )
    kind = "the hub refused" if isinstance(fault, HfHubHTTPError) else "this machine could not store"
    return SourceUnavailable(
        f"{kind} {place}: {str(fault).splitlines()[0]}", "try again, or download it and give the folder"
    )
