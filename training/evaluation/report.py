"""report.json and report.html of an evaluation. Both are written whole, or the old ones stay."""

import json
from pathlib import Path

from training.evaluation.evaluation import Evaluation
from training.evaluation.page import render_page

JSON_FILE, HTML_FILE = "report.json", "report.html"


def write_report(folder: Path, dataset: str, evaluation: Evaluation) -> list[Path]:
    """Both files' paths. ``folder`` is made when it is not there. Raises OSError."""
    document = {"dataset": dataset, **evaluation.to_dict()}
    texts = {
        JSON_FILE: json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n",
        HTML_FILE: render_page(dataset, evaluation),
    }
    folder.mkdir(parents=True, exist_ok=True)
    partial = [folder / f"{name}.partial" for name in texts]
    for file, text in zip(partial, texts.values(), strict=True):
        file.write_text(text, encoding="utf-8")
    return [file.replace(file.with_suffix("")) for file in partial]
