"""Batches to be timed: whole rows, within what was allowed, the same in every run."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from training.export.worker.packed.engine import Load
from training.gpu_check.batches import LENGTHS, RAGGED, RAGGED_MEAN, batches
from training.gpu_check.exactness import build_engine
from training.gpu_check.shapes import BGE_LARGE, MINILM, SHAPES, TINY


def test_every_row_has_ids_of_the_vocabulary_and_two_segments_and_no_padding() -> None:
    for work in batches(2048, 32, 512, 300):
        for row in work.rows:
            ids, segments = row["input_ids"], row["token_type_ids"]
            assert 5 <= ids.min() <= ids.max() < 300, "no special token, so that no id means padding"
            assert row["attention_mask"].tolist() == [1] * len(ids)
            assert segments.tolist() == sorted(segments.tolist())
            assert segments.sum() == len(ids) - len(ids) // 2
            assert ids.dtype == segments.dtype == np.int32


def test_a_model_of_one_segment_is_given_no_second() -> None:
    """Its table has one row: a card's kernel would read beyond it."""
    for shape in SHAPES:
        rows = [row for work in batches(512, 4, 512, 1000, shape.segments) for row in work.rows]
        assert max(row["token_type_ids"].max() for row in rows) == shape.segments - 1, shape.name


def test_the_same_rows_come_again_not_only_the_same_lengths() -> None:
    first, second = batches(1024, 16, 512, 1000), batches(1024, 16, 512, 1000)
    for one, other in zip(first, second, strict=True):
        assert [row["input_ids"].tolist() for row in one.rows] == [row["input_ids"].tolist() for row in other.rows]


def test_a_row_longer_than_the_batch_is_still_one_row() -> None:
    made = {work.name: work.lengths for work in batches(100, 8, 512, 1000)}
    assert made["256"] == [256]
    assert made["512"] == [512]
    assert len(made[RAGGED]) >= 1


@pytest.mark.parametrize("most_rows", [1, 3])
def test_a_batch_has_no_more_rows_than_were_allowed_however_much_room_is_left(most_rows: int) -> None:
    assert all(len(work.rows) == most_rows for work in batches(100_000, most_rows, 512, 1000))


def test_a_model_that_reads_less_than_every_length_gets_the_ragged_batch_only() -> None:
    (only,) = batches(1024, 8, LENGTHS[0] - 1, 1000)
    assert only.name == RAGGED
    assert max(only.lengths) < LENGTHS[0]


def test_ragged_lengths_are_lognormal_around_the_stated_mean() -> None:
    lengths = batches(10_000_000, 2000, 512, 1000)[-1].lengths
    assert 0.9 * RAGGED_MEAN < np.median(lengths) < 1.1 * RAGGED_MEAN
    assert 8 <= min(lengths) < max(lengths) <= 512


def test_a_ragged_batch_takes_the_operations_of_its_pairs_and_none_for_padding() -> None:
    rows = batches(300, 6, TINY.max_tokens, TINY.vocabulary)[-1]
    assert len(set(rows.lengths)) > 1
    engine = build_engine(TINY.build(), torch.float32, torch.device("cpu"), Load(rows=8, tokens=512, graphs=False))
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        engine.score(rows.rows)
    head = 2 * TINY.width * (TINY.width + 1)
    counted = counter.get_total_flops()
    assert sum(TINY.flop(length) + head for length in rows.lengths) == pytest.approx(counted, rel=0.01)


def test_attention_makes_a_pair_of_twice_the_length_more_than_twice_as_dear() -> None:
    for shape in SHAPES:
        assert 2 * shape.flop(256) < shape.flop(512) < 4 * shape.flop(256), shape.name
    assert BGE_LARGE.flop(128) > 25 * MINILM.flop(128)


def test_random_weights_are_the_same_every_time_and_are_not_trained() -> None:
    one, other = TINY.build(), TINY.build()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert not one.training, "dropout would make the speed that of training"
