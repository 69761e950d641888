"""The types of progress are declared in one place."""

import ast

from tests.paths import ROOT

NAMES = {"Say", "Advance", "Progress"}


def test_no_other_module_declares_a_type_of_progress() -> None:
    declared = [
        (name.id, str(file.relative_to(ROOT)))
        for folder in ("gateway", "training", "deploy", "clients")
        for file in sorted((ROOT / folder).rglob("*.py"))
        for one in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(one, ast.Assign)
        for name in one.targets
        if isinstance(name, ast.Name) and name.id in NAMES
    ]
    assert declared == [(name, "gateway/domain/progress.py") for name in ("Say", "Advance", "Progress")]
