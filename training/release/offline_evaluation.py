"""A trained run measured on the offline first stages: fusions fitted on valid lists, everything told on test lists.
Knows no stack and prints nothing."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.progress import Progress, Say
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from training.evaluation.evaluation import Evaluation
from training.evaluation.offline_lists import ListScorer, ranked_by, score_lists
from training.evaluation.served import evaluate_served
from training.first_stage.embedding_cache import cached_embeddings
from training.first_stage.fold_lists import FoldLists
from training.first_stage.text import embed
from training.lists.served import BLEND, ServedList
from training.model.cross_encoder import base_model_path, tokenizer_path
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset, Phase
from training.ranker.ablation import ablate_fusion
from training.ranker.feature_names import feature_names
from training.ranker.fit import Fusions, fit_fusions
from training.ranker.lists import scored_lists
from training.ranker.table import FusionTable, tabulate
from training.release.release import Release
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class OfflineEvaluation:
    """One run. ``users``: so many test users, drawn by ``seed`` (0: all); fusions are fitted on all valid lists."""

    config: TrainingConfig
    dataset: Dataset
    folder: RunFolder
    users: int
    seed: int

    def run(self, say: Say, progress: Progress) -> tuple[Evaluation, Fusions]:
        """Logits of both folds are kept in the run's folder."""
        release = Release(self.config, self.dataset, self.folder)
        tokenizer = open_tokenizer(tokenizer_path(base_model_path(self.config.base_model)))
        scorer = ListScorer(release.graph, PairEncoder(self.config.encoding(), tokenizer), self.dataset.fields)
        make = FoldLists(self.dataset, self.config.candidates, say, cached_embeddings(self.folder.root, embed))
        valid = self._scored(make, scorer, Phase.VALID, progress)
        table = self._table(valid)
        say(f"fitting {self.config.fusion.kind} on {len(valid)} valid lists, {len(table.names)} features")
        fusions = fit_fusions(table, self.config.fusion, self.config.seed)
        test = self._scored(make, scorer, Phase.TEST, progress)
        ranked = ranked_by(fusions.served, test, scored_lists(test, self.dataset, Phase.TEST))
        evaluation = evaluate_served(ranked, self.dataset, fusions.without_logit, seed=self.seed)
        return replace(evaluation, fusion_ablation=ablate_fusion(table, self.config.fusion)), fusions

    def _scored(self, make: FoldLists, scorer: ListScorer, phase: Phase, progress: Progress) -> list[ServedList]:
        lists = make(phase)
        if phase is Phase.TEST and self.users:
            chosen = {*random.Random(self.seed).sample([one.user_id for one in lists], min(self.users, len(lists)))}
            lists = [one for one in lists if one.user_id in chosen]
        cache = (
            self.folder.root
            / f"logits-{phase.name.lower()}-{self.config.candidates.depth}-{len(lists)}-{self.seed}.npz"
        )
        with progress(f"scoring {phase.name.lower()} lists", len(lists)) as advance:
            return score_lists(lists, scorer, cache, advance)

    def _table(self, valid: Sequence[ServedList]) -> FusionTable:
        sources = [name for name in valid[0].by_source if name != BLEND]
        names = feature_names(self.config.fusion, sources, self.dataset.fields.values())
        return tabulate(scored_lists(valid, self.dataset, Phase.VALID), names)
