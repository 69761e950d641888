"""An evaluation as one HTML page that needs nothing else: no script, no link, pictures inside. Knows no file but its
template."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from training.evaluation import plots
from training.evaluation.evaluation import Evaluation
from training.metrics.ranking import HEADLINE
from training.metrics.significance import BOOTSTRAP_SAMPLES, RANDOMISATION_SAMPLES

_TEMPLATE = "report.html.jinja"

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


@dataclass(frozen=True, slots=True)
class Picture:
    """One plot for a light and for a dark page, as data URIs."""

    heading: str
    caption: str
    light: str
    dark: str


def render_page(title: str, evaluation: Evaluation) -> str:
    """The page. ``title``: what was evaluated, as text."""
    environment = Environment(
        loader=PackageLoader("training.evaluation", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(_TEMPLATE).render(
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
    light, dark = (_data_uri(plots.draw(plot, evaluation, theme)) for theme in (plots.LIGHT, plots.DARK))
    return Picture(heading, caption, light, dark)


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"
