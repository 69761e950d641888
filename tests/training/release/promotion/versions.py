"""Version folders of a model with a graph that adds, written as export writes them: made in milliseconds."""

from dataclasses import replace
from pathlib import Path

from gateway.encoding.bundle import TOKENIZER_FILE, write_bundle
from gateway.encoding.golden import GoldenSet
from tests.fakes.specs import small_bundle
from tests.training.export.backend import checksum_graph
from training.export.compare import score_graph
from training.release.errors import NotServed
from training.release.promotion.promotion import Change, promote
from training.release.repository.model_folder import ModelFolder
from training.release.repository.triton_config import read_config
from training.release.repository.version import VersionContent, write_model_version

MODEL = "cross_encoder"


def write_version(
    repository: Path, number: int, card: str = "# A version\n", shift: float = 0.0, golden_shift: float = 0.0
) -> Path:
    """Version ``number`` of a repository. ``card`` and ``shift``, which is added to each logit, tell it from others;
    with a ``golden_shift`` its golden logits are wrong."""
    scratch = repository.parent / f"scratch-{repository.name}-{number}"
    invented = small_bundle(scratch)
    graph = checksum_graph(scratch / "model.onnx", shift)
    logits = score_graph(graph, invented.golden.encode(invented.encoder)) + golden_shift
    pairs = [replace(one, logit=float(logit)) for one, logit in zip(invented.golden.pairs, logits, strict=True)]
    tokenizer = scratch / "encoding" / TOKENIZER_FILE
    bundle = write_bundle(scratch / "own", invented.spec, tokenizer, GoldenSet(1e-3, tuple(pairs)))
    (scratch / "config.json").write_text("{}", encoding="utf-8")
    content = VersionContent(
        graph=graph,
        transformers_config=scratch / "config.json",
        card=card,
        encoding=scratch / "own",
        encoding_fingerprint=bundle.fingerprint,
    )
    return write_model_version(repository, MODEL, number, content)


def candidate(folder: Path, card: str, shift: float = 0.5, golden_shift: float = 0.0) -> Path:
    """A version in a repository of its own, as an export before a promotion leaves it."""
    return write_version(folder / card, 1, card, shift, golden_shift)


def model_of(repository: Path) -> ModelFolder:
    """The model's folder."""
    return ModelFolder(repository / MODEL)


def serving(model: ModelFolder) -> int | None:
    """The version that the configuration says serves."""
    state = model.state()
    return state.serving if state else None


def cards(model: ModelFolder) -> dict[int, str]:
    """What each version is, by number."""
    return {one: (model.folder(one) / "README.md").read_text(encoding="utf-8") for one in model.versions()}


def promote_new(model: ModelFolder, tmp_path: Path, card: str, keep: int = 3) -> Change:
    return promote(model, candidate(tmp_path, card), keep=keep)


def loaded(model: ModelFolder) -> list[int]:
    return list(read_config(model.configuration).version_policy.specific.versions)


def hidden(model: ModelFolder) -> list[str]:
    return [one.name for one in model.root.iterdir() if one.name.startswith(".")]


class Stack:
    """A switch that takes only some versions, and remembers what the repository said when it was asked."""

    def __init__(self, model: ModelFolder, *takes: int) -> None:
        self.model, self.takes = model, takes
        self.asked: list[tuple[int, int | None, list[int]]] = []

    def switch(self, version: int) -> None:
        self.asked.append((version, serving(self.model), loaded(self.model)))
        if version not in self.takes:
            raise NotServed(f"version {version} gives wrong logits", "look at the log")
