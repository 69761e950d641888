"""The fused scores without the logit that ship beside a version's spec: what a cross-encoder has to beat honestly."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gateway.ranker.fused_score import Fusion, open_fusion
from gateway.ranker.spec import parse_fusion

WITHOUT_LOGIT = "fusion_without_logit"
TREES_WITHOUT_LOGIT = "trees_without_logit"
LEARNED_WITHOUT = (WITHOUT_LOGIT, TREES_WITHOUT_LOGIT)
"""Rows that a cross-encoder has to beat to be worth its cost."""


def write_baselines(encoding: Path, baselines: Mapping[str, Fusion]) -> None:
    """By row name, into a version's encoding folder; no part of its fingerprint."""
    for name, fusion in baselines.items():
        (encoding / f"{name}.json").write_text(json.dumps(asdict(fusion.spec), indent=2) + "\n", encoding="utf-8")
        if fusion.trees is not None:
            (encoding / f"{name}.txt").write_text(fusion.trees.text, encoding="utf-8")


def read_baselines(encoding: Path) -> dict[str, Fusion]:
    """Those that a version brings, by row name. Raises SpecInvalid for a broken one."""
    found = {}
    for name in LEARNED_WITHOUT:
        file = encoding / f"{name}.json"
        if file.is_file():
            spec = parse_fusion(json.loads(file.read_text(encoding="utf-8")))
            found[name] = open_fusion(spec, file.with_suffix(".txt"))
    return found
