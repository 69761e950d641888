"""Impressions as a table: read with their place, refused with row and column; propensities by rank."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.data.faults import RowFaults
from training.data.impressions import (
    IMPRESSION_COLUMNS,
    LOWEST_PROPENSITY,
    ImpressionRow,
    RankCounts,
    propensities,
    read_impressions,
)
from training.data.rows import write_files
from training.errors import TableInvalid

HEADER = ",".join(IMPRESSION_COLUMNS) + "\n"
MOMENT = datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=UTC)


def written(folder: Path, *lines: str) -> Path:
    (folder / "impressions.csv").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return folder / "impressions.csv"


def read(file: Path) -> list[ImpressionRow]:
    """Of a catalogue of two items."""
    faults = RowFaults()
    found = read_impressions(file, frozenset("ab"), faults)
    faults.refuse()
    return found


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [
        ImpressionRow("t,1", "u", MOMENT, "a", 1, 7, "buy", 2.5, 1.0),
        ImpressionRow("t,1", "u", MOMENT, "b", 2, 1, "", 0.0, 0.25),
        ImpressionRow("t2", "", MOMENT, "a", 1, 1, "close", 0.0, 1.0),
    ]
    write_files(tmp_path, {"impressions.csv": (IMPRESSION_COLUMNS, (one.cells() for one in rows))})
    assert read(tmp_path / "impressions.csv") == rows
    assert [one.chosen for one in rows] == [True, False, False]


@pytest.mark.parametrize(
    ("line", "column", "told"),
    [
        ("t,u,0,z,1,1,,0,1", "item_id", "'z' is not in the items table"),
        (",u,0,a,1,1,,0,1", "attribution_token", "is empty"),
        ("t,u,soon,a,1,1,,0,1", "time", "ISO 8601"),
        ("t,u,0,a,0,1,,0,1", "rank", "below 1"),
        ("t,u,0,a,first,1,,0,1", "rank", "a whole number"),
        ("t,u,0,a,1,-3,,0,1", "first_stage_rank", "below 1"),
        ("t,u,0,a,1,1,,-1,1", "weight", "negative"),
        ("t,u,0,a,1,1,,1,1", "event", "the weight is 1"),
        ("t,u,0,a,1,1,,0,0", "propensity", "no chance above 0"),
        ("t,u,0,a,1,1,,0,1.5", "propensity", "at most 1"),
        ("t,u,0,a,1,1,,0,nan", "propensity", "no chance above 0"),
        ("s,u,0,b,4,4,,0,1", "item_id", "the list shows 'b' in line 2 too"),
    ],
)
def test_a_fault_is_named_with_line_and_column(tmp_path: Path, line: str, column: str, told: str) -> None:
    with pytest.raises(TableInvalid, match=told) as caught:
        read(written(tmp_path, "s,u,0,b,1,1,view,1,1", line))
    assert (caught.value.place, caught.value.column) == ("line 3", column)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "impressions.csv").write_text("attribution_token,user_id,time,item_id,rank\n", encoding="utf-8")
    with pytest.raises(TableInvalid, match="column 'first_stage_rank': the column is missing"):
        read(tmp_path / "impressions.csv")


def test_propensities_follow_the_click_through_relative_to_the_first_rank() -> None:
    found = propensities({1: RankCounts(10**6, 200_000), 2: RankCounts(10**6, 100_000), 3: RankCounts(10**6, 50_000)})
    assert found == pytest.approx({1: 1.0, 2: 0.5, 3: 0.25}, rel=1e-3)


def test_few_showings_are_pulled_towards_the_overall_rate() -> None:
    found = propensities({1: RankCounts(1000, 100), 2: RankCounts(1000, 50), 3: RankCounts(1, 0)})
    assert 0.5 < found[3] < 1.0


def test_propensities_are_cut_at_both_ends() -> None:
    found = propensities({1: RankCounts(1000, 100), 2: RankCounts(1000, 300), 9: RankCounts(10**7, 0)})
    assert (found[2], found[9]) == (1.0, LOWEST_PROPENSITY)


def test_without_any_choice_every_rank_is_as_likely() -> None:
    assert propensities({1: RankCounts(5, 0), 2: RankCounts(5, 0)}) == {1: 1.0, 2: 1.0}
    assert propensities({}) == {}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_chances_of_a_made_up_reader_of_shuffled_lists_are_found_again(seed: int) -> None:
    draw = random.Random(seed)
    looked = {1: 1.0, 2: 0.7, 3: 0.4, 4: 0.2}
    wanted = {1: 0.6, 2: 0.3, 3: 0.2, 4: 0.1}
    chosen = dict.fromkeys(looked, 0)
    lists = 20_000
    for _ in range(lists):
        order = draw.sample(sorted(wanted), 4)
        for rank, item in enumerate(order, start=1):
            chosen[rank] += draw.random() < looked[rank] * wanted[item]
    found = propensities({rank: RankCounts(lists, number) for rank, number in chosen.items()})
    assert found == pytest.approx(looked, abs=0.06), f"seed {seed}"
