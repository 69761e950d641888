"""report.json and report.html of an evaluation. Both are written whole, or the old ones stay."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from gateway.domain.files import replace_json, replacing
from training.evaluation import plots
from training.evaluation.evaluation import Evaluation
from training.metrics.ranking import HEADLINE
from training.metrics.significance import BOOTSTRAP_SAMPLES, RANDOMISATION_SAMPLES
from training.report_kit.page import Picture, picture, render

JSON_FILE, HTML_FILE = "report.json", "report.html"
_CAPTIONS: Mapping[str, tuple[plots.Plot, str, str]] = {
    "means": (plots.means, "NDCG@10 of every row", "Mean over users, with the 95 % bootstrap interval."),
    "differences": (
        plots.differences,
        "What re-ranking adds",
        "Paired by user, so it tells more than two intervals that overlap. Right of the line: re-ranking is better.",
    ),
    "segments": (plots.segments, "Where it gains", "Users with a target in the segment stand in brackets."),
    "movement": (plots.movement, "How far targets moved", "Targets that are in both lists."),
}


def write_report(folder: Path, dataset: str, evaluation: Evaluation) -> list[Path]:
    """Both files' paths. ``folder`` is made when it is not there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / HTML_FILE) as page:
        page.write_text(render_page(dataset, evaluation), encoding="utf-8")
        replace_json(folder / JSON_FILE, {"dataset": dataset, **evaluation.to_dict()}, allow_nan=False)
    return [folder / JSON_FILE, folder / HTML_FILE]


def render_page(title: str, evaluation: Evaluation) -> str:
    """The page. ``title``: what was evaluated, as text."""
    return render(
        "training.evaluation",
        "report.html.jinja",
        title=title,
        evaluation=evaluation,
        metrics=[name for name in HEADLINE if name in evaluation.plan.metrics],
        beyond=_beyond(evaluation),
        pictures={name: _picture(name, evaluation) for name in _CAPTIONS if name != "segments" or evaluation.segments},
        bootstrap_samples=BOOTSTRAP_SAMPLES,
        randomisation_samples=RANDOMISATION_SAMPLES,
    )


def _beyond(evaluation: Evaluation) -> Sequence[tuple[str, str, str, str]]:
    rows = [(one.name, one.beyond) for one in evaluation.methods]
    return [(name, f"{one.coverage:.1%}", f"{one.diversity:.3f}", f"{one.novelty:.2f}") for name, one in rows]


def _picture(name: str, evaluation: Evaluation) -> Picture:
    plot, heading, caption = _CAPTIONS[name]
    return picture(heading, partial(plot, evaluation), caption)
