"""A sweep as one HTML page that needs nothing else: no script, no link, pictures inside. Must not measure."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from clients.load.sweep import plot
from clients.load.sweep.report import Sweep, TargetSweep, write_sweep
from gateway.domain.files import replace_text

JSON_FILE, HTML_FILE = "sweep.json", "sweep.html"
_TEMPLATE = "sweep.html.jinja"
_PLOTS = {"Latency": plot.latencies, "Goodput": plot.goodput}


@dataclass(frozen=True, slots=True)
class Picture:
    """One plot for a light and for a dark page, as data URIs."""

    heading: str
    light: str
    dark: str


def write_page(folder: Path, sweep: Sweep) -> list[Path]:
    """`sweep.json` and `sweep.html`. Raises OSError."""
    write_sweep(folder / JSON_FILE, sweep)
    replace_text(folder / HTML_FILE, render_page(sweep))
    return [folder / JSON_FILE, folder / HTML_FILE]


def render_page(sweep: Sweep) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("clients.load.sweep", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    pictures = {target.target: [_picture(name, target) for name in _PLOTS] for target in sweep.targets}
    return environment.get_template(_TEMPLATE).render(sweep=sweep, pictures=pictures)


def _picture(name: str, target: TargetSweep) -> Picture:
    light, dark = (_data_uri(plot.draw(_PLOTS[name], target, theme)) for theme in (plot.LIGHT, plot.DARK))
    return Picture(f"{name}, {target.target}", light, dark)


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"
