"""Trees for catalogues that nobody has seen: fitted on lists of several catalogues that all count alike, and judged on
each of them by trees that were fitted on the others. Knows no data set and no console."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.ranker.fitted import FittedRanker, Order, Verdict
from gateway.ranker.fused_score import Fusion
from training.errors import RunIncomplete
from training.options.config import FusionOptions
from training.protocol.dataset import Phase
from training.ranker.feature_names import default_features
from training.ranker.lambdamart import fit_lambdamart
from training.ranker.table import FusionTable, Values, concatenated, joined
from training.ranker.verdict import judge
from training.trees.own import OwnRanker, gains_of
from training.trees.own_lists import TREES
from training.trees.own_tables import FoldTable, fold_tables

DEFAULT: Order = "default"


@dataclass(frozen=True, slots=True)
class CatalogueLists:
    """Of one catalogue: the ``table`` that default trees are fitted on; NDCG@10 of the first stages on the lists where
    the best is chosen (``choosing``); ``test``: what trees are judged on; and the ``own`` trees, or the reason why
    there are none."""

    table: FusionTable
    choosing: Mapping[str, Values]
    test: FoldTable
    own: Fusion | None
    missing: str = ""


def prepare(ranker: OwnRanker) -> CatalogueLists:
    """The lists of a catalogue. Raises TooFewUsers, and RunIncomplete where no list holds a target."""
    ranker.lists.dataset.require_users()
    folds = [*ranker.lists.learned_folds, int(Phase.TEST)]
    names = list(dict.fromkeys([*ranker.features, *default_features()]))
    *learned, test = fold_tables(ranker.lists, dict.fromkeys(folds, names))
    own, missing = ranker.trees_of(learned)
    tables = [one.table.with_features(default_features()) for one in learned if one.table]
    if not tables:
        raise RunIncomplete(missing, "give more interactions")
    return CatalogueLists(concatenated(tables), learned[0].first_stages, test, own, missing)


def fit_default(tables: Mapping[str, FusionTable], options: FusionOptions = TREES, seed: int = 1) -> Fusion:
    """Trees of the tables by catalogue. Raises RunIncomplete as fit_lambdamart."""
    return fit_lambdamart(joined(tables), options, seed)


def leave_one_out(
    catalogues: Mapping[str, CatalogueLists], learned: Sequence[str], options: FusionOptions = TREES
) -> dict[str, Verdict]:
    """By catalogue: its sources, its own trees, and default trees fitted on all of ``learned`` but it."""
    verdicts = {}
    for name, one in catalogues.items():
        others = {other: catalogues[other].table for other in learned if other != name}
        trees: dict[str, Fusion | None] = {"own": one.own, DEFAULT: fit_default(others, options)}
        gains = {key: gains_of(fusion, one.test) for key, fusion in trees.items() if fusion}
        verdicts[name] = judge(one.choosing, one.test.first_stages, gains, one.missing)
    return verdicts


def default_ranker(
    catalogues: Mapping[str, CatalogueLists], learned: Sequence[str], options: FusionOptions = TREES
) -> FittedRanker:
    """What ships: trees fitted on all of ``learned``."""
    trees = fit_default({name: catalogues[name].table for name in learned}, options)
    return FittedRanker(Verdict(DEFAULT, f"fitted on {', '.join(learned)}"), trees)
