"""The sources of offline lists, fitted on what a fold may know. Knows no list."""

from collections.abc import Callable
from dataclasses import dataclass

from training.first_stage.als import Als
from training.first_stage.cosine import Cosine
from training.first_stage.neighborhood import Neighborhood, ease, follows, item_knn
from training.first_stage.popular import Popularity
from training.first_stage.source import FittedSource
from training.first_stage.training_interactions import Scores, TrainingInteractions
from training.options.sources import SourceOptions


@dataclass(frozen=True, slots=True)
class Texts:
    """What the texts alone tell, the same in every fold: BM25 [items, items] and vectors [items, width]."""

    bm25: Scores
    vectors: Scores


Fit = Callable[[TrainingInteractions, Texts, SourceOptions], list[FittedSource]]
"""Makes sources of what is known."""


def fit_baselines(known: TrainingInteractions, texts: Texts, options: SourceOptions) -> list[FittedSource]:
    """ALS, item kNN, and BM25 of the history's texts: what a served list is measured against where it has none of
    them."""
    return [
        Als(
            known,
            factors=options.factors,
            alpha=options.alpha,
            iterations=options.iterations,
            seed=options.seed,
        ),
        Neighborhood("item_knn", item_knn(known, options.neighbors, options.shrink)),
        Neighborhood("bm25", texts.bm25, recent=options.recent),
    ]


def fit_sources(known: TrainingInteractions, texts: Texts, options: SourceOptions) -> list[FittedSource]:
    """Every source, fitted on what is known."""
    wide = item_knn(known, 10 * options.neighbors, options.shrink)
    autoencoder = ease(known, options.ease_ridge)
    return [
        *fit_baselines(known, texts, options),
        Cosine("text_max", texts.vectors, options.recent),
        Cosine("text_recent", texts.vectors, 3, pool="mean"),
        Popularity(known.popularity()),
        Neighborhood("item_knn_recent", wide, decay=0.9, recent=30),
        Neighborhood("follows", follows(known, 2.0), decay=0.8, recent=30),
        Neighborhood("ease", autoencoder),
        Neighborhood("ease_recent", autoencoder, decay=0.9, recent=30),
        Neighborhood("bm25_recent", texts.bm25, decay=0.8, recent=30),
    ]
