"""An evaluation for people: rows, base against re-ranked, segments, and the verdict; 80 columns wide. Must not compute
a number."""

from itertools import groupby

from rich.text import Text

from clients.command_line.shared import console
from training.evaluation.evaluation import Evaluation

_SHOWN = ("ndcg@10", "map@10", "mrr", "recall@100")
_MARKS = "** p < .01, * p < .05: paired randomisation test, corrected for all of its table (Holm)"


def print_evaluation(evaluation: Evaluation) -> None:
    """Tables on standard output, the verdict on standard error."""
    _print_methods(evaluation)
    _print_changes(evaluation)
    _print_segments(evaluation)
    _print_ablation(evaluation)
    _print_reading(evaluation)
    _print_cold(evaluation)
    console.say(_MARKS, "dim")
    for verdict in evaluation.verdicts:
        console.say(verdict.sentence, "" if verdict.good else "yellow")


def _print_reading(evaluation: Evaluation) -> None:
    if evaluation.reading:
        rows = [
            (
                one.kind,
                _short(one.reader),
                _short(one.without),
                f"{one.difference:+.4f}",
                _between(one.low, one.high),
                f"{one.p:.4f}",
                "pays" if one.pays else "",
            )
            for one in evaluation.reading
        ]
        heads = ("request", "reader", "without", "difference", "95 %", "p", "")
        console.print_table(heads, rows, title="does reading pay? NDCG@10")


def _print_cold(evaluation: Evaluation) -> None:
    cold = evaluation.cold
    if cold is None:
        return
    rows = [
        (
            one.segment,
            one.metric,
            str(one.lists),
            _short(one.without),
            _short(one.trees),
            "" if one.ratio is None else f"{one.ratio:.2f}",
            f"{_between(one.paired.low, one.paired.high)} {one.paired.mark}".rstrip(),
        )
        for one in cold.rows
    ]
    shares = f"of those liked next sources propose {cold.proposed:.1%}, lists hold {cold.listed:.1%}"
    shares += f"\n(lists without places for such items: {cold.unkept:.1%})"
    heads = ("targets", "metric", "users", "without", "trees", "ratio", "95 % of difference")
    console.print_table(heads, rows, title=f"\n{cold.items} items hidden: {shares}")


def _print_methods(evaluation: Evaluation) -> None:
    shown = [name for name in _SHOWN if name in evaluation.plan.metrics]
    rows = []
    for one in evaluation.methods:
        first = one.intervals[shown[0]]
        means = [_short(one.intervals[name].mean) for name in shown]
        against = evaluation.paired.get(one.name)
        gain = f"{_percent(evaluation.change(one.name))} {against.mark}" if against else ""
        cells = (one.name, means[0], f"{_short(first.low, 3)}-{_short(first.high, 3)}", *means[1:], gain)
        rows.append([Text(cell, style="bold" if one.name == evaluation.final else "") for cell in cells])
    title = f"{evaluation.users} test users, {evaluation.candidates} candidates of {evaluation.catalogue} items"
    console.print_table(("method", shown[0], "95 %", *shown[1:], evaluation.final), rows, title=title)


def _print_changes(evaluation: Evaluation) -> None:
    base, final = evaluation.method(evaluation.base), evaluation.method(evaluation.final)
    rows = [
        (
            metric,
            _short(base.intervals[metric].mean),
            _short(final.intervals[metric].mean),
            f"{_percent(evaluation.change(base.name, metric))} {one.mark}",
            _between(one.low, one.high),
        )
        for metric, one in evaluation.changes.items()
    ]
    beyond = (
        ("coverage", base.beyond.coverage, final.beyond.coverage),
        ("diversity", base.beyond.diversity, final.beyond.diversity),
        ("novelty", base.beyond.novelty, final.beyond.novelty),
    )
    for name, before, after in beyond:
        change = _percent(100 * (after / before - 1) if before else None)
        rows.append((f"{name}@{evaluation.plan.depth}", _short(before), _short(after), change, ""))
    heads = ("metric", base.name, final.name, "change", "95 % of the difference")
    console.print_table(heads, rows, title=f"\n{base.name} → {final.name}")


def _print_segments(evaluation: Evaluation) -> None:
    for group, found in groupby(evaluation.segments, key=lambda one: one.group):
        rows = [
            (
                one.name,
                str(one.lists),
                _short(one.base),
                _short(one.final),
                f"{_signed(one.paired.difference)} {one.paired.mark}",
                _between(one.paired.low, one.paired.high),
            )
            for one in found
        ]
        heads = ("NDCG@10", "users", evaluation.base, evaluation.final, "difference", "95 %")
        console.print_table(heads, rows, title=f"\n{group}")


def _print_ablation(evaluation: Evaluation) -> None:
    if evaluation.fusion_ablation:
        rows = [(one.left_out, _short(one.ndcg), _signed(one.change)) for one in evaluation.fusion_ablation]
        title = "\na linear fused score without a family of features, on valid lists"
        console.print_table(("left out", "NDCG@10", "change"), rows, title=title)


def _short(value: float, digits: int = 4) -> str:
    """Without the zero before the point: there is little room."""
    return f"{value:.{digits}f}".removeprefix("0")


def _signed(value: float) -> str:
    text = f"{value:+.4f}"
    return text[0] + text[1:].removeprefix("0")


def _between(low: float, high: float) -> str:
    return f"{_signed(low)} to {_signed(high)}"


def _percent(change: float | None) -> str:
    if change is None:
        return ""
    return f"{change:+.1f} %" if abs(change) < 100 else f"{change:+.0f} %"
