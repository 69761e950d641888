"""The encoding folder: one fingerprint over all of it, and golden pairs that notice any change."""

import json
from pathlib import Path

import numpy as np
import pytest

from gateway.encoding.bundle import fingerprint_of, open_bundle
from gateway.encoding.golden import read_golden
from gateway.encoding.pair_encoder import PairEncoder
from tests.fakes.specs import small_bundle, small_spec
from tests.fakes.tokenizers import roberta_like


def test_the_fingerprint_changes_with_any_byte_of_any_file(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    folder = tmp_path / "encoding"
    assert open_bundle(folder).fingerprint == bundle.fingerprint
    for name in ("spec.json", "tokenizer.json", "golden.json"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content + b" ")
        assert fingerprint_of(folder) != bundle.fingerprint, name
        (folder / name).write_bytes(content)
    assert fingerprint_of(folder) == bundle.fingerprint


def test_moving_a_byte_from_one_file_to_the_next_changes_the_fingerprint(tmp_path: Path) -> None:
    for folder, contents in {"a": ("1", "23", "4"), "b": ("12", "3", "4")}.items():
        (tmp_path / folder).mkdir()
        for name, content in zip(("spec.json", "tokenizer.json", "golden.json"), contents, strict=True):
            (tmp_path / folder / name).write_text(content)
    assert fingerprint_of(tmp_path / "a") != fingerprint_of(tmp_path / "b")


def test_golden_tokens_agree_with_the_encoder_that_made_them(tmp_path: Path) -> None:
    bundle = small_bundle(tmp_path)
    assert bundle.golden.token_faults(bundle.encoder) == []


def test_golden_tokens_notice_another_tokenizer_and_another_spec(tmp_path: Path) -> None:
    golden = small_bundle(tmp_path).golden
    other = PairEncoder(small_spec(), roberta_like())
    assert len(golden.token_faults(other)) == len(golden.pairs)
    shorter = PairEncoder(small_spec(item_tokens=1), open_bundle(tmp_path / "encoding").encoder._tokenizer)
    assert golden.token_faults(shorter)


def test_golden_logits_notice_a_wrong_a_missing_and_a_swapped_number(tmp_path: Path) -> None:
    golden = small_bundle(tmp_path).golden
    numbers = range(len(golden.pairs))
    right = np.array([pair.logit for pair in golden.pairs], np.float32)
    assert golden.logit_faults(right, numbers) == []
    assert len(golden.logit_faults(right + 0.01, numbers)) == len(golden.pairs)
    assert len(golden.logit_faults(np.full_like(right, np.nan), numbers)) == len(golden.pairs)
    assert len(golden.logit_faults(right[::-1].copy(), numbers)) >= 2
    assert golden.logit_faults(right[2:3], [2]) == []


def test_a_golden_file_is_read_back_equal(tmp_path: Path) -> None:
    golden = small_bundle(tmp_path).golden
    again = read_golden(tmp_path / "encoding" / "golden.json")
    assert json.loads(again.to_json()) == json.loads(golden.to_json())


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    small_bundle(tmp_path)
    (tmp_path / "encoding" / "golden.json").unlink()
    with pytest.raises(OSError, match=r"golden\.json"):
        open_bundle(tmp_path / "encoding")


@pytest.mark.parametrize(
    "broken", [b'{"version": "1.0", "trunc', b"{}", b"\xff"], ids=["cut short", "no tokenizer", "no text"]
)
def test_a_broken_tokenizer_is_an_error_that_a_gateway_can_refuse(tmp_path: Path, broken: bytes) -> None:
    small_bundle(tmp_path)
    (tmp_path / "encoding" / "tokenizer.json").write_bytes(broken)
    with pytest.raises(ValueError, match=r"tokenizer|utf-8"):
        open_bundle(tmp_path / "encoding")


@pytest.mark.parametrize(
    "odd", ['{"tolerance": 1, "pairs": [{"unknown": 1}]}', '{"tolerance": 1, "pairs": 7}', '{"pairs": []}', "[]", "7"]
)
def test_a_golden_file_of_another_form_is_told_with_its_path_and_the_remedy(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "golden.json"
    path.write_text(odd, encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"golden\.json is no golden set .*: take the one that the model was exported with"
    ):
        read_golden(path)
