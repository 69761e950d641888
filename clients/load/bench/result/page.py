"""A summary as one HTML page that needs nothing else: no script, no link, pictures inside. Knows no file but its
template."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from clients.load.bench.result import plots
from clients.load.bench.result.summary import Spread

_TEMPLATE = "report.html.jinja"


def render_page(summary: Mapping[str, Any], rates: Mapping[str, Spread]) -> str:
    """The page. ``rates``: those of the first mix, by system."""
    environment = Environment(
        loader=PackageLoader("clients.load.bench.result", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    pictures = {
        "rates": plots.rates(rates) if rates else b"",
        "latencies": plots.latencies(summary["latency_ms"]),
        "costs": plots.costs(summary["cost"]) if summary["cost"] else b"",
    }
    return environment.get_template(_TEMPLATE).render(
        summary=summary, pictures={name: _data_uri(svg) for name, svg in pictures.items() if svg}
    )


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg).decode('ascii')}"
