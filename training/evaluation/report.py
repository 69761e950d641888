"""report.json and report.html of an evaluation. Both are written whole, or the old ones stay."""

from pathlib import Path

from gateway.domain.files import replace_json, replacing
from training.evaluation.evaluation import Evaluation
from training.evaluation.page import render_page

JSON_FILE, HTML_FILE = "report.json", "report.html"


def write_report(folder: Path, dataset: str, evaluation: Evaluation) -> list[Path]:
    """Both files' paths. ``folder`` is made when it is not there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / HTML_FILE) as page:
        page.write_text(render_page(dataset, evaluation), encoding="utf-8")
        replace_json(folder / JSON_FILE, {"dataset": dataset, **evaluation.to_dict()}, allow_nan=False)
    return [folder / JSON_FILE, folder / HTML_FILE]
