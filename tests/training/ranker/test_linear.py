"""Missing values in a linear score: they count as the mean, in the fit as in the score."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.ranker.spec import LinearFusion
from tests.training.tables_by_hand import random_table
from training.ranker.linear import fit_linear, fit_linear_spec
from training.ranker.table import FusionTable

NAMES = ("logit", "log_score:weak")


def holed(share: float, seed: int = 1) -> FusionTable:
    """A table whose last column is missing in this share of rows."""
    table = random_table(80, logit_quality=1.0, seed=seed, names=NAMES)
    matrix = table.matrix.copy()
    matrix[np.random.default_rng(seed).random(len(matrix)) < share, 1] = np.nan
    return replace(table, matrix=matrix)


def test_mean_and_scale_are_those_of_what_is_not_missing() -> None:
    table = holed(0.3)
    term = fit_linear_spec(table).terms[1]
    known = table.matrix[~np.isnan(table.matrix[:, 1]), 1]
    assert [term.mean, term.scale] == pytest.approx([known.mean(), known.std()])


def test_a_missing_value_scores_as_the_mean_does() -> None:
    table = holed(0.3)
    fusion = fit_linear(table)
    filled = np.where(np.isnan(table.matrix), [term.mean for term in fusion.spec.terms], table.matrix)
    assert fusion.margins_of(table.matrix) == pytest.approx(fusion.margins_of(filled))
    assert np.isfinite(fusion.margins_of(table.matrix)).all()


def test_the_weights_are_those_of_a_table_where_the_means_stand() -> None:
    table = holed(0.3)
    known = np.where(np.isnan(table.matrix), np.nanmean(table.matrix, axis=0), table.matrix)
    missing, filled = fit_linear_spec(table), fit_linear_spec(replace(table, matrix=known))
    first, second = ([term.weight / term.scale for term in one.terms] for one in (missing, filled))
    assert first[0] == pytest.approx(second[0], rel=1e-3)


def test_a_column_of_which_nothing_is_known_is_left_out() -> None:
    spec = fit_linear_spec(holed(1.1))
    assert isinstance(spec, LinearFusion)
    assert spec.features == ("logit",)
