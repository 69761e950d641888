"""crossrank forget as a user runs it, on a real PostgreSQL."""

import pytest

from clients.command_line.shared.console import ExitCode
from gateway.store.pool import Database
from tests.clients.command_line.program import crossrank
from tests.gateway.store.test_retention import fill, left


async def test_a_user_is_deleted_and_told_in_rows(database: Database, postgres: str) -> None:
    for user in ("u", "v"):
        await fill(database, user, 1, 3)
    document = crossrank("forget", "--user", "u", "--database-url", postgres, "--json").document
    assert document == {"interactions": 3, "impressions": 3, "comparisons": 0}
    assert await left(database, "interactions") == 3
    assert "rows deleted" in crossrank("forget", "--user", "v", "--database-url", postgres).output
    assert await left(database, "impressions") == 0


async def test_what_is_older_is_deleted(database: Database, postgres: str) -> None:
    await fill(database, "u", 100, 3)
    document = crossrank("forget", "--older-than-days", "90", "--database-url", postgres, "--json").document
    assert document == {"interactions": 3, "impressions": 3, "comparisons": 0}


@pytest.mark.parametrize("options", [(), ("--user", "u", "--older-than-days", "90")])
def test_it_must_be_clear_what_is_to_be_forgotten(options: tuple[str, ...]) -> None:
    outcome = crossrank("forget", *options)
    assert outcome.exit_code == ExitCode.USAGE
    assert "give one of --user and --older-than-days" in outcome.notes


@pytest.mark.parametrize("days", ["36501", "3000000", "2147483648"])
def test_more_days_than_a_hundred_years_have_are_refused(days: str) -> None:
    outcome = crossrank("forget", "--older-than-days", days, "--database-url", "postgresql://127.0.0.1:1/none")
    assert outcome.exit_code == ExitCode.USAGE
    assert "36500" in outcome.notes
