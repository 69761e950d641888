"""Trees for catalogues that nobody has seen: fitted on lists of several catalogues that all count alike, and judged on
each of them by trees that were fitted on the others. Knows no data set and no console."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.ranker.fitted import FittedRanker, Order, Verdict
from gateway.ranker.fused_score import Fusion
from training.options.config import FusionOptions
from training.protocol.dataset import Phase
from training.ranker.feature_names import default_features
from training.ranker.lambdamart import fit_lambdamart
from training.ranker.table import FusionTable, joined, tabulate
from training.ranker.verdict import Orders, judge
from training.trees.own import TREES, OwnRanker

DEFAULT: Order = "default"


@dataclass(frozen=True, slots=True)
class CatalogueLists:
    """Of one catalogue: the ``table`` that default trees are fitted on, the ``orders`` that they are judged on, and its
    ``own`` trees, or the reason why there are none."""

    table: FusionTable
    orders: Orders
    own: Fusion | None
    missing: str = ""


def prepare(ranker: OwnRanker) -> CatalogueLists:
    """The lists of a catalogue. Raises TooFewUsers, and RunIncomplete where no list holds a target."""
    ranker.dataset.require_users()
    folds = [ranker.learned_fold(fold) for fold in ranker.learned_folds]
    scored = [one for fold in folds for one in fold.scored]
    own, missing = ranker.own_trees(folds)
    test = ranker.fold(Phase.TEST)
    orders = Orders(folds[0].lists, test.lists, test.scored)
    return CatalogueLists(tabulate(scored, default_features()), orders, own, missing)


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
        trees = {"own": one.own, DEFAULT: fit_default(others, options)}
        verdicts[name] = judge(one.orders, {key: fusion for key, fusion in trees.items() if fusion}, one.missing)
    return verdicts


def default_ranker(
    catalogues: Mapping[str, CatalogueLists], learned: Sequence[str], options: FusionOptions = TREES
) -> FittedRanker:
    """What ships: trees fitted on all of ``learned``."""
    trees = fit_default({name: catalogues[name].table for name in learned}, options)
    return FittedRanker(Verdict(DEFAULT, f"fitted on {', '.join(learned)}"), trees)
