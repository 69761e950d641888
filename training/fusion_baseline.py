"""The fusion without the logit that ships beside a version's spec: what a cross-encoder has to beat honestly."""

import json
from dataclasses import asdict
from pathlib import Path

from gateway.encoding.fusion import Fusion, open_fusion
from gateway.encoding.spec import parse_fusion
from training.export.config import read_config
from training.export.release_state import ReleaseState

BASELINE_FILE = "fusion_without_logit.json"
BASELINE_TREES_FILE = "fusion_without_logit.txt"


def write_baseline(encoding: Path, fusion: Fusion) -> None:
    """Into a version's encoding folder; no part of its fingerprint."""
    (encoding / BASELINE_FILE).write_text(json.dumps(asdict(fusion.spec), indent=2) + "\n", encoding="utf-8")
    if fusion.trees is not None:
        (encoding / BASELINE_TREES_FILE).write_text(fusion.trees.text, encoding="utf-8")


def served_baseline(model_folder: Path) -> Fusion | None:
    """That of the model's version that serves; None when it has none. Raises SpecInvalid for a broken one."""
    encoding = model_folder / str(_serving(model_folder)) / "encoding"
    if not (encoding / BASELINE_FILE).is_file():
        return None
    spec = parse_fusion(json.loads((encoding / BASELINE_FILE).read_text(encoding="utf-8")))
    return open_fusion(spec, encoding / BASELINE_TREES_FILE)


def _serving(model_folder: Path) -> int:
    """The version that the configuration names, else the newest."""
    file = model_folder / "config.pbtxt"
    if file.is_file() and (state := ReleaseState.named(read_config(file))):
        return state.serving
    return max((int(folder.name) for folder in model_folder.iterdir() if folder.name.isdigit()), default=0)
