"""Which processors get the slower 8-bit products."""

from pathlib import Path

import pytest

from training.export.session import saturates


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ("flags : sse2 avx2 avx512f avx512_vnni avx512_bf16", False),
        ("flags : sse2 avx2 avx_vnni", False),
        ("flags : sse2 avx2 avx512f avx512_vnnix", True),
        ("flags : sse2 avx2", True),
        ("", True),
    ],
)
def test_products_overflow_where_there_is_no_vnni(tmp_path: Path, flags: str, told: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n", encoding="utf-8")
    assert saturates(tmp_path / "cpuinfo") is told


def test_a_processor_that_says_nothing_is_not_trusted(tmp_path: Path) -> None:
    assert saturates(tmp_path / "none")
