"""Tables of gateway/README.md, made from the code: settings, metrics, errors. Run as a program, this writes them.

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import ast
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

from gateway.domain.errors import CrossrankError
from gateway.knobs import Knob, describe
from gateway.rpc.status import TABLE
from gateway.telemetry.metrics import Metrics
from tests.paths import ROOT

DOCUMENT = ROOT / "gateway" / "README.md"


def settings_table() -> str:
    """Every setting: variable, default, unit, bounds, why."""
    rows = [(f"`{knob.variable}`", _default(knob), knob.unit, _bounds(knob), knob.why) for knob in describe()]
    return _table(("variable", "default", "unit", "bounds", "what"), rows)


def metrics_table() -> str:
    """Every metric of the registry, and the gauges that gateway/app.py adds by ``watch``."""
    registry = CollectorRegistry()
    Metrics(registry)
    rows = [
        (f"`{family.name}`", family.type, _labels(name, registry), family.documentation)
        for family in registry.collect()
        for name in (family.name,)
    ]
    rows += [(f"`crossrank_{name}`", "gauge", "", what) for name, what in _watched()]
    return _table(("metric", "type", "labels", "what"), rows)


def errors_table() -> str:
    """Every class of errors: reason, gRPC code, what it says."""
    rows = [
        (f"`{error.reason}`", f"`{row.code.name}`", (error.__doc__ or "").split("\n")[0].replace("``", "`"))
        for error, row in TABLE.items()
        if issubclass(error, CrossrankError)
    ]
    return _table(("reason", "code", "what"), rows)


TABLES = {"settings": settings_table, "metrics": metrics_table, "errors": errors_table}


def with_tables(text: str) -> str:
    """The document with every table as the code has it now. Raises ValueError where a region is missing."""
    for name, make in TABLES.items():
        opening, closing = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = text.partition(opening)
        _, ended, after = rest.partition(closing)
        if not found or not ended:
            raise ValueError(f"the document has no region {opening} ... {closing}")
        text = f"{before}{opening}\n{make()}{closing}{after}"
    return text


def _default(knob: Knob) -> str:
    return f"`{knob.default}`" if knob.default else ""


def _bounds(knob: Knob) -> str:
    return f"{knob.bounds[0]:g} to {knob.bounds[1]:g}" if knob.bounds else ""


def _labels(family: str, registry: CollectorRegistry) -> str:
    for collector, names in registry._collector_to_names.items():
        if family in names:
            return ", ".join(f"`{label}`" for label in getattr(collector, "_labelnames", ()))
    return ""


def _watched() -> list[tuple[str, str]]:
    """Name and description of each ``metrics.watch`` call."""
    tree = ast.parse((ROOT / "gateway" / "app.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        (ast.literal_eval(call.args[0]), ast.literal_eval(call.args[1]))
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "watch" and len(call.args) == 3
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
