"""An evaluation as one HTML page. Knows no file but its template."""

from collections.abc import Mapping, Sequence
from functools import partial

from training.evaluation import plots
from training.evaluation.evaluation import Evaluation
from training.metrics.ranking import HEADLINE
from training.metrics.significance import BOOTSTRAP_SAMPLES, RANDOMISATION_SAMPLES
from training.report_kit.page import Picture, picture, render

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
