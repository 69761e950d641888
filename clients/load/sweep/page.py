"""A sweep as one HTML page. Must not measure."""

from functools import partial
from pathlib import Path

from clients.load.sweep import plot
from clients.load.sweep.report import Sweep, write_sweep
from gateway.domain.files import replace_text
from training.report_kit.page import picture, render

JSON_FILE, HTML_FILE = "sweep.json", "sweep.html"
_PLOTS = {"Latency": plot.latencies, "Goodput": plot.goodput}


def write_page(folder: Path, sweep: Sweep) -> list[Path]:
    """`sweep.json` and `sweep.html`. Raises OSError."""
    write_sweep(folder / JSON_FILE, sweep)
    replace_text(folder / HTML_FILE, render_page(sweep))
    return [folder / JSON_FILE, folder / HTML_FILE]


def render_page(sweep: Sweep) -> str:
    """The page."""
    pictures = {
        target.target: [picture(f"{name}, {target.target}", partial(draw, target)) for name, draw in _PLOTS.items()]
        for target in sweep.targets
    }
    return render("clients.load.sweep", "sweep.html.jinja", sweep=sweep, pictures=pictures)
