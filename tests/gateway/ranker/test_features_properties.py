"""Whatever a list holds, features are finite, and depend on the order of the history but not on that of the rest."""

import dataclasses
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.values import Candidate, HistoryEvent, SourceHit
from gateway.ranker.features import FusionInput, feature_matrix

NAMES = [
    "logit", "logit_rank", "logit_gap", "logit_z", "first_stage", "sources", "best_rank", "popularity",
    "history_length", "reciprocal_rank:knn", "score:knn", "log_score:knn", "recency:tags", "share:tags", "count:tags",
    "last:tags", "jaccard_last:tags", "jaccard_mean:tags", "recency:tags.words", "jaccard_mean:tags.words",
    "rarity:tags", "rarity_max:tags.words", "rarity_last:*",
    "value:number", "gap:number", "gap_last:number", "sequel:tags/number", "series_step:tags/number",
]  # fmt: skip

TAGS = st.lists(st.sampled_from(["a", "b", "A ", "c d", "", "é"]), max_size=4).map(";".join) | st.text(max_size=8)
NUMBERS = st.floats().map(str) | st.integers(-3, 3).map(str) | st.text(max_size=4)
FIELDS = st.fixed_dictionaries({}, optional={"tags": TAGS, "number": NUMBERS})
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
HITS = st.lists(st.builds(SourceHit, st.just("knn"), st.integers(1, 999), FLOATS), max_size=1)


@st.composite
def lists(draw: st.DrawFn) -> FusionInput:
    """Up to eight candidates and twelve history items; float32 logits and scores, as the model and sources give."""
    item_ids = [f"i{number}" for number in range(draw(st.integers(0, 8)))]
    candidates = [
        Candidate(item_id, rank, draw(FLOATS), tuple(draw(HITS))) for rank, item_id in enumerate(item_ids, start=1)
    ]
    history = draw(st.lists(st.none() | FIELDS, max_size=12))
    known = draw(st.lists(st.sampled_from(item_ids), unique=True)) if item_ids else []
    return FusionInput(
        candidates,
        logits={item_id: draw(FLOATS) for item_id in item_ids},
        items={item_id: draw(FIELDS) for item_id in known},
        history=[HistoryEvent(f"h{number}", fields) for number, fields in enumerate(history)],
        popularity={item_id: draw(st.integers(0, 10**9)) for item_id in known},
    )


@given(lists())
@settings(max_examples=150, deadline=None, print_blob=True)
def test_features_are_finite_one_row_per_candidate(given_list: FusionInput) -> None:
    matrix = feature_matrix(NAMES, given_list)
    assert matrix.shape == (len(given_list.candidates), len(NAMES))
    assert np.isfinite(matrix).all(), [NAMES[place] for place in np.argwhere(~np.isfinite(matrix))[:, 1]]


@given(lists(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, print_blob=True)
def test_rows_follow_their_candidates_and_mappings_have_no_order(given_list: FusionInput, random: Random) -> None:
    order = list(range(len(given_list.candidates)))
    random.shuffle(order)
    shuffled = dataclasses.replace(
        given_list,
        candidates=[given_list.candidates[place] for place in order],
        items=dict(reversed(list(given_list.items.items()))),
        popularity=dict(reversed(list(given_list.popularity.items()))),
    )
    expected = feature_matrix(NAMES, given_list)[order]
    assert np.allclose(feature_matrix(NAMES, shuffled), expected, rtol=1e-9, atol=1e-12)


@given(lists())
@settings(max_examples=60, deadline=None, print_blob=True)
def test_an_item_s_own_features_do_not_change_with_its_list(given_list: FusionInput) -> None:
    names = [name for name in NAMES if not name.startswith(("logit_", "rarity"))]
    whole = feature_matrix(names, given_list)
    for row, candidate in enumerate(given_list.candidates):
        alone = feature_matrix(names, dataclasses.replace(given_list, candidates=[candidate]))
        assert np.allclose(alone[0], whole[row], rtol=1e-12)
