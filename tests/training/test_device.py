import pytest
import torch

from training.device import best_device, computes_bfloat16


@pytest.mark.parametrize(
    ("flags", "computes"),
    [
        ({"avx2": True, "avx512_f": False}, False),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
    ],
)
def test_a_processor_computes_bfloat16_when_it_has_instructions_for_its_products(
    monkeypatch: pytest.MonkeyPatch, flags: dict[str, bool], computes: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert computes_bfloat16("cpu") is computes


@pytest.mark.parametrize("supported", [True, False])
def test_a_card_that_would_emulate_bfloat16_does_not_compute_it(
    monkeypatch: pytest.MonkeyPatch, supported: bool
) -> None:
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: supported or including_emulation
    )
    assert computes_bfloat16("cuda") is supported


@pytest.mark.parametrize(
    ("wanted", "has_card", "device"), [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu")]
)
def test_the_device_is_the_card_unless_the_processor_is_wanted(
    monkeypatch: pytest.MonkeyPatch, wanted: str, has_card: bool, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_card)
    assert best_device(wanted) == device
