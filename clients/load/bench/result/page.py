"""A summary as one HTML page. Knows no file but its template."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from clients.load.bench.result import plots
from clients.load.bench.result.summary import Spread
from training.report_kit.page import picture, render


def render_page(summary: Mapping[str, Any], rates: Mapping[str, Spread]) -> str:
    """The page. ``rates``: those of the first mix, by system."""
    shown = {
        "rates": rates and picture("pairs a second by system", partial(plots.rates, rates)),
        "latencies": picture("latency of open loops", partial(plots.latencies, summary["latency_ms"])),
        "costs": summary["cost"] and picture("processor time and memory", partial(plots.costs, summary["cost"])),
    }
    return render("clients.load.bench.result", "report.html.jinja", summary=summary, pictures=shown)
