"""The page of a sweep: whole in one file, with every level, the refused one too."""

import re
from pathlib import Path

from clients.load.sweep.page import render_page, write_page
from clients.load.sweep.report import Sweep
from tests.clients.load.sweeps import invented_sweep


def with_machine() -> Sweep:
    sweep = invented_sweep()
    return Sweep({**sweep.machine, "processor": "A <fast> one"}, sweep.targets)


def test_both_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    files = write_page(tmp_path / "new", with_machine())
    assert sorted(file.name for file in files) == ["sweep.html", "sweep.json"]
    assert sorted((tmp_path / "new").iterdir()) == sorted(files)


def test_the_page_needs_nothing_else() -> None:
    page = render_page(with_machine())
    assert "<script" not in page
    assert re.findall(r'(?:src|href|srcset)="(?!data:)', page) == []
    assert page.count("data:image/svg+xml") == 4, "latency and goodput, on light and on dark ground"


def test_every_level_and_what_was_refused_stand_on_the_page() -> None:
    sweep = with_machine()
    page = render_page(sweep)
    for level in sweep.targets[0].levels:
        answers = sum(run.answers for run in level.runs)
        assert f"<td>{level.offered_per_s:.1f}</td><td>{len(level.runs)}</td><td>{answers}</td>" in page
    assert "<td>60.0 [50.0, 80.0]</td>" in page, "median and extremes of three runs"
    assert "not answered in full: exceeds maximum queue size" in page
    assert "RESOURCE_EXHAUSTED: 1" in page


def test_how_busy_the_machine_was_before_is_told_where_it_is_known() -> None:
    busy = Sweep({"cores": 2, "processor": "p", "load_before": [3.5, 2.0, 1.0]}, invented_sweep().targets)
    assert "load average 3.5" in render_page(busy)
    assert "load average" not in render_page(with_machine())


def test_the_share_of_the_cache_is_told() -> None:
    assert re.search(r"Pairs that a cache answered: 2\.0 %", render_page(with_machine()))


def test_text_is_text() -> None:
    assert "A &lt;fast&gt; one" in render_page(with_machine())


def test_the_same_sweep_gives_the_same_page() -> None:
    assert render_page(with_machine()) == render_page(with_machine())
