"""Protocol cold: a tenth of the items is hidden from every fit, and trees are fitted on the rest, as they are served
and without anything that is done for cold items. Both rank what the sources propose. Needs no stack."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.domain.progress import Progress, Say
from gateway.ranker.fused_score import Fusion
from training.data.tables import ItemRow, Tables
from training.errors import RunIncomplete
from training.evaluation.cold import ColdCase, judge_cold
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import present
from training.evaluation.plan import RERANKED, WITHOUT_COLD
from training.evaluation.served import plan_for, to_evaluated
from training.first_stage.text import item_vectors
from training.first_stage.training_interactions import Scores
from training.lists.served import BLEND, ServedList
from training.protocol.cold import ColdProtocol
from training.protocol.dataset import Dataset, Phase
from training.protocol.trained_on import TrainedOn
from training.ranker.lists import order_by
from training.release.gate.version import OpenVersion
from training.release.pipeline import Measured
from training.trees.cold_lists import ColdList, cold_lists
from training.trees.own import OwnRanker
from training.trees.own_lists import OwnOptions
from training.trees.own_tables import fold_tables

Embed = Callable[[Sequence[ItemRow]], Scores]


@dataclass(frozen=True, slots=True)
class ColdEvaluation:
    """``reader``: version folder of a cross-encoder whose logits are a row, unless it may know the hidden items; None:
    none reads. ``options``: of both fits."""

    on: Measured
    reader: Path | None
    progress: Progress
    say: Say
    options: OwnOptions
    embed: Embed = item_vectors

    def run(self) -> Evaluation:
        """Raises TooFewUsers, RunIncomplete where no list to fit on holds a target, and ListsInvalid where nobody liked
        a hidden item next."""
        reader = open_reader(self.reader, self.on.tables, self.say) if self.reader else None
        cold = ColdProtocol(self.on.tables, seed=self.on.seed)
        ranker = OwnRanker(cold.known, self.embed(cold.known.items), self.progress, options=self.options)
        ranker.lists.dataset.require_users()
        self.say(f"{len(cold.hidden)} of {len(cold.known.items)} items are hidden from every fit")
        fusions = {
            RERANKED: self._fit(ranker, "fitting trees"),
            WITHOUT_COLD: self._fit(
                replace(ranker, options=replace(self.options, cold=0.0, cold_places=0.0)),
                "fitting trees without cold items",
            ),
        }
        with self.progress("making test lists", None):
            lists = cold_lists(cold, ranker.lists)
        if self.on.users:
            lists = random.Random(self.on.seed).sample(lists, min(self.on.users, len(lists)))
        return self._measure(ranker.lists.dataset, lists, fusions, reader, cold.hidden)

    def _fit(self, ranker: OwnRanker, title: str) -> Fusion:
        folds = ranker.lists.learned_folds
        with self.progress(title, len(folds) + 1) as advance:
            made = []
            for one in fold_tables(ranker.lists, dict.fromkeys(folds, ranker.features)):
                made.append(one)
                advance(1)
            trees, missing = ranker.trees_of(made) if made else (None, "there is no fold to fit on")
            advance(1)
        if trees is None:
            raise RunIncomplete(f"no trees could be fitted: {missing}", "bring more interactions of weight above 0")
        return trees

    def _measure(
        self,
        dataset: Dataset,
        lists: Sequence[ColdList],
        fusions: Mapping[str, Fusion],
        reader: OpenVersion | None,
        hidden: frozenset[str],
    ) -> Evaluation:
        """``fusions`` by row."""
        seed, fields = self.on.seed, present(self.on.shared, dataset.fields)
        cases = []
        with self.progress("ranking test lists", len(lists)) as advance:
            for one in lists:
                logits = tuple(map(float, reader.logits(one.whole))) if reader else ()
                orders = {name: order_by(fusion, one.whole.given) for name, fusion in fusions.items()}
                without = order_by(fusions[WITHOUT_COLD], one.without.given)
                served = _served(one, logits, orders.pop(RERANKED))
                whole = to_evaluated(served, one.proposed.history, dataset.fields, fields, orders, seed)
                proposed = frozenset(item_id for ids in one.proposed.by_source.values() for item_id in ids)
                cases.append(ColdCase(whole, one.hidden, proposed, without))
                advance(1)
        plan = plan_for(served.by_source, fields, {})
        popularity = Counter(row.item_id for row in dataset.interactions(Phase.TEST))
        evaluation = evaluate([one.whole for one in cases], plan, dataset.fields, popularity, seed)
        return replace(evaluation, cold=judge_cold(cases, hidden, seed))


def open_reader(version: Path, tables: Tables, say: Say) -> OpenVersion | None:
    """The version where its record tells that it was trained on other tables than these; else it may know what is to be
    hidden from it, and None."""
    trained = TrainedOn.read(version)
    if trained is None or TrainedOn.of(tables, trained.protocol) == trained:
        found = "does not say what it was trained on" if trained is None else "was trained on these tables"
        say(f"{version} {found}: it may know the hidden items and does not read")
        return None
    return OpenVersion(version)


def _served(one: ColdList, logits: tuple[float, ...], ranked: tuple[str, ...]) -> ServedList:
    """The list as if a gateway had served it."""
    blend = tuple(candidate.item_id for candidate in one.proposed.candidates)
    return ServedList(
        user_id=one.whole.user_id,
        targets=(*one.proposed.targets, *sorted(one.hidden)),
        by_source={**one.proposed.by_source, BLEND: blend},
        candidates=tuple(one.whole.given.candidates),
        logits=logits,
        ranked=ranked,
    )
