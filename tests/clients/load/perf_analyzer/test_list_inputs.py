"""Lists as perf_analyzer reads them: every text whole, and no list twice before all were sent."""

import json
from pathlib import Path

from clients.load.perf_analyzer.list_inputs import ListRequest, unsent, write_lists

REQUESTS = [ListRequest([{"title": f"h{n}"}], [{"title": f"i{n}"}, {"title": 'Überfall "x"'}]) for n in range(5)]


def test_a_request_is_a_step_with_a_history_and_items(tmp_path: Path) -> None:
    write_lists(tmp_path / "lists.json", REQUESTS)
    steps = json.loads((tmp_path / "lists.json").read_text())["data"]
    assert len(steps) == 5
    assert steps[3]["history"]["shape"] == [1]
    assert steps[3]["items"]["shape"] == [2]
    assert [json.loads(text) for text in steps[3]["items"]["content"]] == REQUESTS[3].items


def test_each_run_begins_after_what_was_sent() -> None:
    assert unsent(REQUESTS, 0, 2) == REQUESTS[:2]
    assert unsent(REQUESTS, 2, 2) == REQUESTS[2:4]


def test_after_the_last_comes_the_first() -> None:
    assert unsent(REQUESTS, 4, 3) == [REQUESTS[4], *REQUESTS[:2]]
    assert unsent(REQUESTS, 12, 99) == [*REQUESTS[2:], *REQUESTS[:2]]


def test_requests_are_given_once_when_fewer_than_asked_for_exist() -> None:
    requests = [ListRequest([], [{"title": str(number)}]) for number in range(3)]
    assert unsent(requests, 2, 10) == [requests[2], requests[0], requests[1]]
    assert unsent([], 0, 5) == []
