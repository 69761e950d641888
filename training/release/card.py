"""The model card of a version: data, licence, recipe, seed, results, limits: the text stands in card.md.jinja."""

from dataclasses import dataclass
from pathlib import Path

from training.data.tables import Tables
from training.evaluation.evaluation import Evaluation
from training.metrics.ranking import HEADLINE
from training.options.config import TrainingConfig
from training.options.fit import BUNDLED_MODEL, DISTIL
from training.report_kit.markdown import render_markdown


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the card says about the data."""

    name: str
    description: str
    licence: str


MOVIELENS = DataFacts(
    "MovieLens 100K",
    "943 users, 1,682 films, 100,000 ratings of 1997-98; a rating of 4 or more is a positive. Text: title, year and "
    "genres.",
    "Research use; the data may not be redistributed (grouplens.org/datasets/movielens/100k). These weights were "
    "trained on it and are meant for research and demonstration.",
)


def own_data(name: str, tables: Tables) -> DataFacts:
    """For tables that somebody brought."""
    users = len({row.user_id for row in tables.interactions})
    counts = f"{users:,} users, {len(tables.items):,} items, {len(tables.interactions):,} interactions."
    return DataFacts(name, counts, "That of the tables it was trained on: state it here before you pass this model on.")


INT8_WEIGHTS = "int8; activations are quantised as they come."


def write_card(
    config: TrainingConfig, data: DataFacts, evaluation: Evaluation | None, weights: str = INT8_WEIGHTS
) -> str:
    """The card's Markdown. ``weights``: a sentence about their precision."""
    base = Path(config.base_model)
    return render_markdown(
        "training.release",
        "card.md.jinja",
        config=config,
        data=data,
        evaluation=evaluation,
        headline=HEADLINE,
        weights=weights,
        weights_from=base.name if base.is_dir() else config.base_model,  # where they lie is a matter of the machine
        bundled=config.base_model == BUNDLED_MODEL,
        distils=config.fit.loss == DISTIL,
    )
