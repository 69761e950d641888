"""The model card of a version: data, licence, recipe, seed, results, limits. Text only."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from training.data.tables import Tables
from training.evaluation.evaluation import Evaluation
from training.metrics.ranking import HEADLINE
from training.options.config import TrainingConfig
from training.options.fit import BUNDLED_MODEL, DISTIL, TeacherOptions

WIDTH = 118


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the card says about the data."""

    name: str
    description: str
    licence: str


MOVIELENS = DataFacts(
    "MovieLens 100K",
    "943 users, 1,682 films, 100,000 ratings of 1997-98; a rating of 4 or more is a positive. Text: title, year and "
    "genres.",
    "Research use; the data may not be redistributed (grouplens.org/datasets/movielens/100k). These weights were "
    "trained on it and are meant for research and demonstration.",
)


def own_data(name: str, tables: Tables) -> DataFacts:
    """For tables that somebody brought."""
    users = len({row.user_id for row in tables.interactions})
    counts = f"{users:,} users, {len(tables.items):,} items, {len(tables.interactions):,} interactions."
    return DataFacts(name, counts, "That of the tables it was trained on: state it here before you pass this model on.")


def results_table(evaluation: Evaluation) -> str:
    """The rows as Markdown, with 95 % intervals on NDCG@10."""
    lines = ["| method | " + " | ".join(name.upper() for name in HEADLINE) + " | p (re-ranked is the same) |"]
    lines.append("|---|" + "---|" * (len(HEADLINE) + 1))
    for one in evaluation.methods:
        cells = [f"{one.intervals[name].mean:.4f}" for name in HEADLINE]
        first = one.intervals[HEADLINE[0]]
        cells[0] += f" [{first.low:.4f}, {first.high:.4f}]"
        p_value = evaluation.p_values.get(one.name)
        lines.append(f"| {one.name} | {' | '.join(cells)} | {'' if p_value is None else f'{p_value:.4f}'} |")
    return "\n".join(lines)


INT8_WEIGHTS = "int8; activations are quantised as they come."


def write_card(
    config: TrainingConfig, data: DataFacts, evaluation: Evaluation | None, weights: str = INT8_WEIGHTS
) -> str:
    """The card's Markdown. ``weights``: a sentence about their precision."""
    parts = [
        _head(config, data),
        _recipe(config),
        f"Weights: {weights}\n",
        "## Results\n",
        "Not measured yet.\n" if evaluation is None else _results(evaluation, config.protocol.held_out),
        _LIMITS,
    ]
    return "\n".join(parts)


def _head(config: TrainingConfig, data: DataFacts) -> str:
    weights = f"{_base(config)}, are under the licence of their makers: state it here."
    if config.base_model == BUNDLED_MODEL:
        weights = f"{BUNDLED_MODEL}, are under Apache-2.0."
    reads = (
        f"Reads the {_listed(config.text.history_fields)} of a user's last {config.text.history_items} "
        f"{'distinct ' if config.text.history_choice == 'distinct' else ''}liked items, "
        f"{config.text.history_order.replace('_', ' ')}, "
        f"together with an item's {_listed(config.text.item_fields)}, and gives one logit: how likely "
        "the user likes the item next. The encoding (template, budgets, fusion weights, golden pairs) stands in "
        "`encoding/`."
    )
    licence = f"Licence: {data.licence} The starting weights, {weights}"
    facts = f"{data.name}: {data.description}"
    parts = [f"# Cross-encoder for {data.name}", fill(reads, WIDTH), "## Data", facts, licence]
    return "\n\n".join(parts) + "\n"


def _base(config: TrainingConfig) -> str:
    """A folder by its name alone: where it lies is a matter of the machine."""
    return Path(config.base_model).name if Path(config.base_model).is_dir() else config.base_model


def _recipe(config: TrainingConfig) -> str:
    precision = "with bfloat16 products where the processor has them" if config.bf16 else "in fp32"
    start = (
        f"Configuration `{config.name}`, seed {config.seed}: the {config.layers} lower layers of {_base(config)}, "
        f"trained {precision}. The cross-encoder saw the train part only."
    )
    fitted = "fitted on the valid lists, which the cross-encoder was not trained on"
    fusion = f"*Fusion*: {_FUSIONS[config.fusion.kind]}, {fitted}."
    steps = [*([_align(config)] if config.align.steps else []), _fit(config), fusion]
    wrapped = [fill(f"{number}. {step}", WIDTH, subsequent_indent="   ") for number, step in enumerate(steps, start=1)]
    return "\n".join(["## Recipe", "", fill(start, WIDTH), "", *wrapped, ""])


def _align(config: TrainingConfig) -> str:
    return (
        f"*Align* ({config.align.steps} steps of {config.align.batch} pairs): below the last layer the states of a "
        "title's tokens learn the item's vector of the first stage; the logit learns the first stage's belief in the "
        "item."
    )


def _fit(config: TrainingConfig) -> str:
    return _fit_to_beliefs(config) if config.fit.loss == DISTIL else _fit_to_lists(config)


def _fit_to_beliefs(config: TrainingConfig) -> str:
    lists = config.lists
    return (
        f"*Fit* ({config.fit.lists:,} lists of 1 + {lists.negatives} pairs, CrossEncoderTrainer): a history's next "
        f"positive among negatives drawn by rank ({lists.near} of the first {lists.near_rank}, {lists.far} down to "
        f"rank {lists.far_rank}) and by popularity. The logits learn the differences of a first stage's beliefs "
        f"(co-occurrence, succession, popularity) whose relations are smoothed to {lists.rank} dimensions and that "
        f"sees the same {config.text.history_items} items; the layer below the last learns how each history item "
        f"relates to the item. The last {config.fit.settle_lists:,} lists teach the logits alone, without dropout."
    )


def _fit_to_lists(config: TrainingConfig) -> str:
    options, chosen = config.fit, config.negatives
    amount = f"{options.lists:,} lists" if options.lists else f"{options.epochs} times every positive"
    labels = _labels(config.teacher)
    ranges = ", ".join(f"{count} of ranks {first} to {last}" for first, last, count in chosen.ranges) or "none by rank"
    best = f" The checkpoint with the best NDCG@10 on {config.select.users:,} valid lists is kept."
    return (
        f"*Fit* (loss `{options.loss}`, {amount}, CrossEncoderTrainer): each positive of the folds before valid among "
        f"{chosen.count} negatives of the first stage's candidates ({ranges}; the rest by popularity). "
        f"Labels: {labels}.{best if config.select.users else ''}"
    )


_FUSIONS = {
    "linear": "a linear listwise model over the logit and first-stage signals",
    "lambdamart": "LambdaMART over first-stage signals, popularity and what an item's fields have in common with the "
    "history, and the logit beside it with a weight of its own",
}

_LIMITS = """## Limits

- The texts named above are all it knows of an item: it has memorised the items it was trained on, and says little about
  others.
- One seed; users with few interactions were not measured.
- Interactions of the same moment have no order of their own; the order of the table decides.
"""


def _results(evaluation: Evaluation, held_out: int) -> str:
    verdict = (
        "The re-ranked list is significantly better than every first-stage method."
        if evaluation.beats_first_stage
        else "The re-ranked list is not significantly better than every first-stage method."
    )
    setting = (
        f"{evaluation.users:,} test users, the whole catalogue, {evaluation.candidates} candidates; the last "
        f"{held_out} positives held out by time. Paired randomisation test on NDCG@10; a random order has NDCG@10 "
        f"{evaluation.random_ndcg:.4f}."
    )
    verdict += (
        " `fusion_without_logit` is the same fused score fitted without the cross-encoder's logit, "
        "`trees_without_logit` is LambdaMART over the same signals."
    )
    return "\n\n".join([fill(setting, WIDTH), results_table(evaluation), fill(verdict, WIDTH)]) + "\n"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def _labels(teacher: TeacherOptions) -> str:
    if not teacher.teaches:
        return "what the user liked next"
    scores = "the logits of a teacher, an earlier cross-encoder"
    if teacher.fusion:
        scores = (
            "the first stage's fused score without a cross-encoder, fitted on other users' lists (ranks of negatives "
            "are its ranks)"
        )
    rest = f", for {teacher.share:.0%}; for the rest what the user liked next" if teacher.share < 1 else ""
    return scores + rest
