"""A version is measured on what it did not learn from: on its own tables by the protocol that held it out."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.synthetic import synthetic_tables
from training.data.impressions import ImpressionRow
from training.errors import Leak
from training.options.protocol import Protocol
from training.protocol.trained_on import TrainedOn, measured_protocol

TABLES = synthetic_tables(users=4)
OTHERS = synthetic_tables(users=5)
HELD_ONE = Protocol(min_positives=12, held_out=1)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    TrainedOn.of(TABLES, HELD_ONE).write(tmp_path)
    return tmp_path


def test_on_its_own_tables_a_version_is_measured_on_what_was_held_out_of_it(version: Path) -> None:
    assert measured_protocol(version, TABLES, None) == HELD_ONE
    assert measured_protocol(version, TABLES, HELD_ONE) == HELD_ONE


def test_another_protocol_on_its_own_tables_is_a_leak(version: Path) -> None:
    with pytest.raises(Leak, match=r"was trained on these tables with .*held_out=1.* measured with .*held_out=5"):
        measured_protocol(version, TABLES, Protocol())


def test_on_other_tables_the_chosen_protocol_counts(version: Path) -> None:
    assert measured_protocol(version, OTHERS, Protocol(held_out=3)) == Protocol(held_out=3)
    assert measured_protocol(version, OTHERS, None) == Protocol()


def test_impressions_do_not_make_other_tables(tmp_path: Path) -> None:
    one = TABLES.interactions[0]
    shown = ImpressionRow("token", one.user_id, one.time, one.item_id, 1, 1, "", 0.0, 0.5)
    TrainedOn.of(replace(TABLES, impressions=[shown]), HELD_ONE).write(tmp_path)
    assert measured_protocol(tmp_path, TABLES, None) == HELD_ONE


def test_a_version_that_does_not_say_is_measured_as_asked(tmp_path: Path) -> None:
    assert measured_protocol(tmp_path, TABLES, HELD_ONE) == HELD_ONE
