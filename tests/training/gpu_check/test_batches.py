"""Batches to be timed: whole rows, within what was allowed, the same in every run."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from training.export.packed_weights import model_limits
from training.export.worker.packed.batch import Row
from training.export.worker.packed.engine import Limits, Load
from training.gpu_check.batches import LENGTHS, RAGGED, RAGGED_MEAN, batches
from training.gpu_check.exactness import build_engine
from training.gpu_check.shapes import TINY, build, flop

LIMITS = Limits(512, {"input_ids": 300, "token_type_ids": 2})
TINY_SHAPE = TINY["tiny"]


def lengths_of(rows: Sequence[Row]) -> list[int]:
    return [len(row["input_ids"]) for row in rows]


def test_every_row_has_ids_of_the_vocabulary_and_two_segments_and_no_padding() -> None:
    for rows in batches(2048, 32, LIMITS).values():
        for row in rows:
            ids, segments = row["input_ids"], row["token_type_ids"]
            assert 5 <= ids.min() <= ids.max() < 300, "no special token, so that no id means padding"
            assert row["attention_mask"].tolist() == [1] * len(ids)
            assert segments.tolist() == sorted(segments.tolist())
            assert segments.sum() == len(ids) - len(ids) // 2
            assert ids.dtype == segments.dtype == np.int32


@pytest.mark.parametrize("values", [{"input_ids": 300}, {"input_ids": 300, "token_type_ids": 1}])
def test_a_model_of_one_segment_is_given_no_second(values: dict[str, int]) -> None:
    """Its table has one row: a card's kernel would read beyond it."""
    made = batches(512, 4, Limits(512, values))
    assert max(row["token_type_ids"].max() for rows in made.values() for row in rows) == 0


def test_the_same_rows_come_again_not_only_the_same_lengths() -> None:
    first, second = batches(1024, 16, LIMITS), batches(1024, 16, LIMITS)
    assert list(first) == list(second)
    for name, rows in first.items():
        assert [row["input_ids"].tolist() for row in rows] == [row["input_ids"].tolist() for row in second[name]]


def test_a_row_longer_than_the_batch_is_still_one_row() -> None:
    made = {name: lengths_of(rows) for name, rows in batches(100, 8, LIMITS).items()}
    assert made["256"] == [256]
    assert made["512"] == [512]
    assert len(made[RAGGED]) >= 1
    assert len(batches(1, 8, LIMITS)[RAGGED]) == 1


@pytest.mark.parametrize("most_rows", [1, 3])
def test_a_batch_has_no_more_rows_than_were_allowed_however_much_room_is_left(most_rows: int) -> None:
    assert all(len(rows) == most_rows for rows in batches(100_000, most_rows, LIMITS).values())


def test_a_model_that_reads_less_than_every_length_gets_the_ragged_batch_only() -> None:
    [(name, rows)] = batches(1024, 8, Limits(LENGTHS[0] - 1, LIMITS.values)).items()
    assert name == RAGGED
    assert max(lengths_of(rows)) < LENGTHS[0]


def test_ragged_lengths_are_lognormal_around_the_stated_mean() -> None:
    lengths = lengths_of(batches(10_000_000, 2000, LIMITS)[RAGGED])
    assert 0.9 * RAGGED_MEAN < np.median(lengths) < 1.1 * RAGGED_MEAN
    assert 8 <= min(lengths) < max(lengths) <= 512


def test_a_ragged_batch_takes_the_operations_of_its_pairs_and_none_for_padding() -> None:
    model = build(TINY_SHAPE)
    rows = batches(300, 6, model_limits(model))[RAGGED]
    lengths = lengths_of(rows)
    assert len(set(lengths)) > 1
    engine = build_engine(model, torch.float32, torch.device("cpu"), Load(rows=8, tokens=512, graphs=False))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        engine.score(rows)
    head = 2 * TINY_SHAPE.hidden_size * (TINY_SHAPE.hidden_size + 1)
    counted = counter.get_total_flops()
    assert sum(flop(TINY_SHAPE, length) + head for length in lengths) == pytest.approx(counted, rel=0.01)


def test_batches_hold_what_was_allowed_and_are_the_same_every_time() -> None:
    made = {name: lengths_of(rows) for name, rows in batches(1024, 32, LIMITS).items()}
    assert list(made) == ["64", "128", "256", "512", RAGGED]
    for lengths in made.values():
        assert sum(lengths) <= 1024
        assert 1 <= len(lengths) <= 32
    assert [len(made[name]) for name in list(made)[:4]] == [16, 8, 4, 2]
    ragged = made[RAGGED]
    assert len(set(ragged)) > 2
    assert ragged == sorted(ragged, reverse=True) == lengths_of(batches(1024, 32, LIMITS)[RAGGED])
    more = lengths_of(batches(100_000, 32, LIMITS)[RAGGED])
    assert len(more) == 32
    assert sum(more) > 1024, "or nothing was cut"


def test_lengths_beyond_the_model_are_left_out() -> None:
    made = batches(512, 8, model_limits(build(TINY_SHAPE)))
    assert list(made) == ["64", RAGGED]
    assert all(max(lengths_of(rows)) <= 64 for rows in made.values())
