"""Plain lines of progress: one for a tenth more, one after long silence, none without news."""

from clients.command_line.shared.progress import SILENCE_S, TICK_S, PlainProgress


def begun(total: int | None) -> tuple[PlainProgress, list[str]]:
    said: list[str] = []
    return PlainProgress(said.append, "embedding", total, now_s=0.0), said


def test_a_line_comes_when_a_tenth_more_is_done() -> None:
    work, said = begun(total=1000)
    for tick in range(1, 6):
        work(60)
        work.tick(tick * TICK_S)
    assert said == ["embedding: 120 of 1,000, after 20 s", "embedding: 240 of 1,000, after 40 s"]


def test_work_that_does_not_advance_gives_a_sign_of_life() -> None:
    work, said = begun(total=None)
    work.tick(SILENCE_S - TICK_S)
    assert said == []
    work.tick(SILENCE_S)
    work.tick(SILENCE_S + TICK_S)
    assert said == ["embedding, after 60 s"]


def test_a_new_title_is_news() -> None:
    work, said = begun(total=None)
    work.describe("storing", 4)
    work(1)
    work.tick(TICK_S)
    work.tick(2 * TICK_S)
    assert said == ["storing: 1 of 4, after 10 s"]


def test_the_end_is_told_where_the_work_was_told() -> None:
    work, said = begun(total=2)
    work.end(1.0)
    assert said == []
    work(2)
    work.tick(TICK_S)
    work.end(12.0)
    assert said == ["embedding: 2 of 2, after 10 s", "embedding: ended after 12 s"]
