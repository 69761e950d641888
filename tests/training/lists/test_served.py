"""Served lists come back from their file as they were: values, types and every digit."""

import json
import math
import random
import struct
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from gateway.domain.order import RequestKind
from gateway.domain.values import Candidate, ModelIdentity, SourceHit
from gateway.ports import ServedModel
from tests.fakes.scorers import FakeScorer
from tests.fakes.specs import small_bundle
from training.lists.served import ServedList, Unjudged, read_served, write_served


def any_number(draw: random.Random) -> float:
    """A float of any size that is finite."""
    number = math.inf
    while not math.isfinite(number):
        (number,) = struct.unpack("d", draw.randbytes(8))
    return float(number)


def test_lists_come_back_equal_to_the_last_digit(tmp_path: Path) -> None:
    draw = random.Random(1)
    candidate = Candidate("é 東", 1, any_number(draw), (SourceHit("als", 2, any_number(draw)),))
    lists = [
        ServedList(f"u{number}", ("a",), {"als": ("a", "b")}, (candidate,), tuple(any_number(draw) for _ in "abc"), ())
        for number in range(300)
    ]
    write_served(tmp_path / "lists.jsonl", lists)
    assert read_served(tmp_path / "lists.jsonl") == lists


def test_a_number_that_is_not_finite_comes_back_too(tmp_path: Path) -> None:
    write_served(tmp_path / "lists.jsonl", [ServedList("u", (), {}, (), (math.nan, math.inf), ())])
    [found] = read_served(tmp_path / "lists.jsonl")
    assert math.isnan(found.logits[0])
    assert found.logits[1] == math.inf


def test_a_line_that_is_no_such_value_is_refused_with_the_field_that_is_wrong(tmp_path: Path) -> None:
    document = asdict(ServedList("u", (), {}, (), (), ()))
    (tmp_path / "lists.jsonl").write_text(json.dumps({**document, "ranked": 3}) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="ranked"):
        read_served(tmp_path / "lists.jsonl")


def test_a_version_is_measured_without_the_verdict_that_it_may_have(tmp_path: Path) -> None:
    bundle = replace(small_bundle(tmp_path), reading=frozenset[RequestKind]())
    judged = ServedModel(ModelIdentity("cross_encoder", "7", bundle.fingerprint), bundle)
    measured = Unjudged(FakeScorer(judged)).current()
    assert measured.bundle.reading is None
    assert replace(measured, bundle=bundle) == judged
