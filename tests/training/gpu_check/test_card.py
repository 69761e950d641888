"""The card: found or missed with a clear word, and products counted in time."""

import time

import pytest
import torch

from training.errors import NoAccelerator
from training.gpu_check.card import find_device, measure_card, seconds_per_call

CPU = torch.device("cpu")


@pytest.fixture
def no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("no_cards")
@pytest.mark.parametrize("wanted", ["auto", "cuda", "cuda:1"])
def test_a_machine_without_a_card_is_told_what_to_do(wanted: str) -> None:
    with pytest.raises(NoAccelerator, match=rf"sees no NVIDIA GPU .* '{wanted}' .*--device cpu --quick"):
        find_device(wanted)


@pytest.mark.usefixtures("no_cards")
def test_a_cpu_is_taken_only_when_it_is_named() -> None:
    assert find_device("cpu") == CPU


@pytest.mark.usefixtures("two_cards")
def test_the_first_card_is_taken_unless_another_is_named() -> None:
    assert [str(find_device(one)) for one in ("auto", "cuda", "cuda:1")] == ["cuda:0", "cuda:0", "cuda:1"]
    with pytest.raises(NoAccelerator, match="no cuda:2; this machine has 2 GPUs"):
        find_device("cuda:2")


@pytest.mark.usefixtures("two_cards")
def test_a_name_that_is_no_device_is_a_mistake_of_usage() -> None:
    with pytest.raises(NoAccelerator, match="'gpu' is no device"):
        find_device("gpu")


def test_the_rate_is_of_the_operations_of_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.gpu_check.card.seconds_per_call", lambda *_: 0.5)
    card = measure_card(CPU, 16, 0.0)
    assert (card.device, card.bf16_flops) == ("cpu", 2 * 16**3 / 0.5)


def test_the_time_of_a_call_is_the_mean_over_as_many_as_fill_the_time() -> None:
    calls: list[float] = []

    def call() -> None:
        started = time.perf_counter()
        while time.perf_counter() - started < 0.001:
            pass
        calls.append(time.perf_counter() - started)

    threads = torch.get_num_threads()
    seconds = seconds_per_call(call, least_s=0.05)
    assert min(calls) <= seconds
    assert sum(calls) >= 0.05
    assert torch.get_num_threads() == threads, "what comes later is computed as before"
