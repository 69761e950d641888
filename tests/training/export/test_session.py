"""Which processors get the slower 8-bit products."""

import inspect
from pathlib import Path

import onnxruntime
import pytest

from training.export.session import keep_precision, products_overflow
from training.release.repository.version import WORKER_SOURCE


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("flags : sse2 avx2 avx512f avx512_vnni avx512_bf16", False),
        ("flags : sse2 avx2 avx_vnni", False),
        ("flags : sse2 avx2 avx512f avx512_vnnix", True),
        ("flags : sse2 avx2", True),
        ("Features : asimd", False),
        ("", False),
    ],
)
def test_products_overflow_on_x86_without_vnni_and_nowhere_else(tmp_path: Path, flags: str, told: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n", encoding="utf-8")
    assert products_overflow(str(tmp_path / "cpuinfo")) is told


def test_a_machine_that_tells_nothing_of_its_processor_is_taken_for_no_x86(tmp_path: Path) -> None:
    assert not products_overflow(str(tmp_path / "none"))


def test_the_serving_worker_asks_the_same_question_letter_for_letter() -> None:
    assert inspect.getsource(products_overflow) in WORKER_SOURCE.read_text(encoding="utf-8")


def test_a_session_is_told_to_be_exact_where_products_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.export.session.products_overflow", lambda: True)
    options = onnxruntime.SessionOptions()
    keep_precision(options)
    assert options.get_session_config_entry("session.x64quantprecision") == "1"


def test_a_session_is_left_fast_where_they_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.export.session.products_overflow", lambda: False)
    options = onnxruntime.SessionOptions()
    keep_precision(options)
    with pytest.raises(RuntimeError, match="does not have configuration"):
        options.get_session_config_entry("session.x64quantprecision")
