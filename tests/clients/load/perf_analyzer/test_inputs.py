"""perf_analyzer's input files: nothing is lost or mixed but what the tool cannot send."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clients.load.perf_analyzer.inputs import Inputs, input_names, write_inputs
from deploy.local.errors import LocalStackError, StartFailed
from deploy.local.parts.ports import LOOPBACK, free_port
from gateway.domain.values import EncodedPair
from tests.clients.load.rows import random_lists, row
from tests.conftest import StartTriton
from tests.paths import ROW_SUM_REPOSITORY

NAMES = ["input_ids", "attention_mask", "token_type_ids"]


def steps(inputs: Inputs) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = json.loads(inputs.file.read_text())["data"]
    return data


def unpadded(step: dict[str, Any]) -> tuple[int, ...]:
    """The tokens under the mask."""
    mask = step["attention_mask"]["content"]
    return tuple(token for token, seen in zip(step["input_ids"]["content"], mask, strict=True) if seen)


def test_a_row_is_padded_with_zeros_under_a_zero_mask(tmp_path: Path) -> None:
    (inputs,) = write_inputs(tmp_path, [[row(3), row(5)]], NAMES, rows_per_request=2, classes=1)
    assert steps(inputs)[0] == {
        "input_ids": {"content": [7, 7, 7, 0, 0], "shape": [5]},
        "attention_mask": {"content": [1, 1, 1, 0, 0], "shape": [5]},
        "token_type_ids": {"content": [0, 1, 1, 0, 0], "shape": [5]},
    }


def test_only_the_inputs_of_the_model_are_written(tmp_path: Path) -> None:
    (inputs,) = write_inputs(tmp_path, [[row(3)]], ["attention_mask", "input_ids"], rows_per_request=1, classes=1)
    assert list(steps(inputs)[0]) == ["attention_mask", "input_ids"]


def test_a_model_with_other_inputs_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="wants PIXELS"):
        write_inputs(tmp_path, [[row(3)]], ["input_ids", "PIXELS"], rows_per_request=1, classes=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("rows_per_request", "classes"), [(1, 1), (4, 3), (8, 2), (20, 10)])
def test_every_row_that_fills_a_request_is_sent_once(
    tmp_path: Path, seed: int, rows_per_request: int, classes: int
) -> None:
    lists = random_lists(seed, rows=21)
    written = write_inputs(tmp_path, lists, NAMES, rows_per_request, classes)
    sent = Counter(unpadded(step) for inputs in written for step in steps(inputs))
    given = Counter(one.token_ids for rows in lists for one in rows)
    left_out = (given - sent).total()
    assert sent - given == Counter(), f"seed {seed}: rows that nobody gave"
    assert left_out == len(lists) * (21 % rows_per_request), f"seed {seed}"
    assert sum(inputs.rows for inputs in written) == sent.total()


def test_all_rows_of_a_class_have_one_shape_because_the_tool_needs_it(tmp_path: Path) -> None:
    for inputs in write_inputs(tmp_path, random_lists(4), NAMES, rows_per_request=4, classes=3):
        shapes = {tuple(tensor["shape"]) for step in steps(inputs) for tensor in step.values()}
        assert shapes == {(inputs.length,)}


def test_classes_go_from_short_to_long_and_pad_less_than_one_class(tmp_path: Path) -> None:
    lists = random_lists(5)
    classes = write_inputs(tmp_path, lists, NAMES, rows_per_request=4, classes=3)
    (whole,) = write_inputs(tmp_path, lists, NAMES, rows_per_request=4, classes=1)
    assert [one.length for one in classes] == sorted(one.length for one in classes)
    assert classes[-1].length == whole.length
    padded = sum(one.padding * one.rows * one.length for one in classes)
    assert padded < whole.padding * whole.rows * whole.length


def test_padding_is_the_share_of_tokens_that_are_none(tmp_path: Path) -> None:
    (inputs,) = write_inputs(tmp_path, [[row(2), row(6)]], NAMES, rows_per_request=2, classes=1)
    assert inputs.padding == pytest.approx(4 / 12)


def test_more_classes_than_requests_give_one_class_per_request(tmp_path: Path) -> None:
    written = write_inputs(tmp_path, [[row(2), row(4)], [row(8), row(9)]], NAMES, rows_per_request=2, classes=9)
    assert [(one.length, one.requests) for one in written] == [(4, 1), (9, 1)]


@pytest.mark.parametrize("lists", [[], [[]], [[row(3)] * 3]])
def test_too_few_rows_for_a_request_are_refused(tmp_path: Path, lists: list[list[EncodedPair]]) -> None:
    with pytest.raises(StartFailed, match="no list has 4 rows for one request") as refusal:
        write_inputs(tmp_path, lists, NAMES, rows_per_request=4, classes=1)
    assert refusal.value.remedy == "ask for fewer rows per request"


def test_the_names_of_the_inputs_are_those_of_the_model(start_triton: StartTriton) -> None:
    assert input_names(start_triton(ROW_SUM_REPOSITORY), "row_sum") == ["input_ids", "attention_mask"]


def test_a_model_that_is_not_served_is_reported(start_triton: StartTriton) -> None:
    with pytest.raises(LocalStackError, match="does not describe missing"):
        input_names(start_triton(ROW_SUM_REPOSITORY), "missing")


def test_a_triton_that_is_not_there_is_reported() -> None:
    with pytest.raises(LocalStackError, match="UNAVAILABLE"):
        input_names(f"{LOOPBACK}:{free_port()}", "row_sum")
