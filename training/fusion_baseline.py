"""The fusion without the logit that ships beside a version's spec: what a cross-encoder has to beat honestly."""

import json
from dataclasses import asdict
from pathlib import Path

from gateway.encoding.spec import FusionSpec, FusionTerm

BASELINE_FILE = "fusion_without_logit.json"


def write_baseline(encoding: Path, fusion: FusionSpec) -> None:
    """Into a version's encoding folder; no part of its fingerprint."""
    (encoding / BASELINE_FILE).write_text(json.dumps(asdict(fusion), indent=2) + "\n", encoding="utf-8")


def newest_baseline(model_folder: Path) -> FusionSpec | None:
    """That of a model's newest version; None when it has none."""
    newest = max((int(folder.name) for folder in model_folder.iterdir() if folder.name.isdigit()), default=0)
    file = model_folder / str(newest) / "encoding" / BASELINE_FILE
    if not file.is_file():
        return None
    data = json.loads(file.read_text(encoding="utf-8"))
    return FusionSpec(tuple(FusionTerm(**term) for term in data["terms"]), data["intercept"])
