"""Speeds: what is divided by what, and that all ways of computing a batch compute the same."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import AutoConfig, PretrainedConfig

from training.export.packed_weights import model_limits
from training.gpu_check import speed
from training.gpu_check.batches import batches
from training.gpu_check.card import Card
from training.gpu_check.shapes import TINY, build, flop
from training.gpu_check.speed import ENGINE_MODES, FULL, QUICK, Effort, Mode, Speed, measure_speed

CARD = Card("cpu", "CPU", "2", 16, bf16_flops=1e9)
TINY_SHAPE = TINY["tiny"]
ROBERTA = AutoConfig.for_model(
    "xlm-roberta",
    vocab_size=200,
    num_hidden_layers=2,
    hidden_size=32,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=66,
    type_vocab_size=1,
    num_labels=1,
)
EFFORT = Effort((("one request", 128, 2), ("full batch", 512, 8)), 0.0)
SECONDS = 0.5


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was computed, call by call; every call takes half a second."""
    results: list[object] = []

    def once(call: Callable[[], object], least_s: float) -> float:
        results.append(call())
        return SECONDS

    monkeypatch.setattr(speed, "seconds_per_call", once)
    return results


def measured(shape: PretrainedConfig, mode: Mode, effort: Effort = EFFORT) -> list[Speed]:
    return list(measure_speed("tiny", shape, CARD, mode, effort))


@pytest.mark.usefixtures("computed")
def test_a_rate_is_pairs_over_seconds_and_a_share_is_of_the_cards_operations() -> None:
    made = batches(512, 8, model_limits(build(TINY_SHAPE)))
    work = {name: [len(row["input_ids"]) for row in rows] for name, rows in made.items()}
    found = [one for one in measured(TINY_SHAPE, Mode.PLAIN) if one.batch == "full batch" and one.precision == "fp16"]
    assert [one.lengths for one in found] == list(work)
    for one in found:
        lengths = work[one.lengths]
        assert (one.pairs, one.tokens) == (len(lengths), sum(lengths))
        assert one.pairs_per_s == len(lengths) / SECONDS
        assert one.share == pytest.approx(sum(flop(TINY_SHAPE, length) for length in lengths) / SECONDS / 1e9)


@pytest.mark.usefixtures("computed")
def test_every_batch_is_measured_in_every_precision() -> None:
    found = [(one.precision, one.batch, one.lengths) for one in measured(TINY_SHAPE, Mode.PLAIN)]
    batch_names = [(batch, lengths) for batch in ("one request", "full batch") for lengths in ("64", "ragged")]
    assert found == [(precision, *names) for precision in ("fp16", "bf16") for names in batch_names]


@pytest.mark.usefixtures("computed")
def test_padding_has_no_time_of_the_card_alone_since_the_worker_copies_in_between() -> None:
    assert {one.card_pairs_per_s for one in measured(TINY_SHAPE, Mode.PADDED)} == {None}
    assert all(one.card_pairs_per_s == one.pairs_per_s for one in measured(TINY_SHAPE, Mode.PLAIN))


@pytest.mark.parametrize("shape", [TINY_SHAPE, ROBERTA], ids=lambda shape: shape.model_type)
def test_packed_and_padded_batches_have_the_same_logits(
    shape: PretrainedConfig, computed: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise their speeds are those of different work."""
    monkeypatch.setattr(speed, "HALF", {"fp32": torch.float32})
    measured(shape, Mode.PLAIN)
    packed = [one for one in computed[::2] if isinstance(one, np.ndarray)]
    computed.clear()
    measured(shape, Mode.PADDED)
    padded = [one.numpy() for one in computed if isinstance(one, torch.Tensor)]
    assert len(packed) == len(padded) == 4
    for one, other in zip(packed, padded, strict=True):
        assert one.shape == other.shape
        assert one.reshape(-1) == pytest.approx(other.reshape(-1), abs=1e-4)


def test_a_mode_that_the_machine_cannot_run_raises_before_anything_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> float:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(speed, "seconds_per_call", broken)
    with pytest.raises(RuntimeError, match="no kernel image"):
        next(measure_speed("tiny", TINY_SHAPE, CARD, Mode.PLAIN, QUICK))


def test_every_mode_but_padding_is_the_engine_and_no_two_are_loaded_alike() -> None:
    assert set(Mode) - set(ENGINE_MODES) == {Mode.PADDED}
    assert len(set(map(repr, ENGINE_MODES.values()))) == len(ENGINE_MODES)
    assert not ENGINE_MODES[Mode.PLAIN].graphs
    assert ENGINE_MODES[Mode.COMPILED].compiled


def test_the_full_effort_is_larger_than_the_trial_in_every_way() -> None:
    assert FULL.least_s > QUICK.least_s
    for _, tokens, rows in QUICK.loads:
        assert (tokens, rows) < FULL.loads[-1][1:]
