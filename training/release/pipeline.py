"""From a trained run to a version that may serve: fusions fitted on valid lists, results on test lists, version and
card, evidence for the gate. Lists come through a port, notes go to ``say``: knows no stack."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.domain.progress import Progress, Say
from gateway.encoding.bundle import open_bundle
from training.data.digest import tables_digest
from training.data.tables import Tables
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import KNOWN_FIELDS, SharedField
from training.evaluation.plan import READER
from training.evaluation.served import evaluate_served
from training.first_stage.baselines import baseline_orders
from training.first_stage.embedding_cache import cached_embeddings
from training.first_stage.fold_lists import FoldLists
from training.first_stage.text import embed
from training.lists.served import BLEND, ServedList
from training.options.config import TrainingConfig
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, Phase
from training.protocol.trained_on import TrainedOn, measured_protocol
from training.ranker.ablation import ablate_fusion
from training.ranker.baselines import read_baselines
from training.ranker.feature_names import feature_names
from training.ranker.fit import Fusions, fit_fusions
from training.ranker.lists import scored_lists
from training.ranker.table import FusionTable, tabulate
from training.release.card import DataFacts, write_card
from training.release.gate.gate import Evidence
from training.release.gate.record import held_out_lists, learned_lists
from training.release.held_out_lists import ListsOfPhase, OfflineLists, Stack, StagedLists
from training.release.release import MODEL, Release, ServedForm
from training.release.repository.version import check_new
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Target:
    """Where a version goes, and in which form. ``bi_encoder``: the folder of the one that its lists are served with."""

    repository: Path
    version: int
    form: ServedForm
    bi_encoder: Path


@dataclass(slots=True)
class Pipeline:
    """One run on its tables. Every step raises TrainingError where an earlier one is missing or was made otherwise."""

    config: TrainingConfig
    tables: Tables
    folder: RunFolder
    say: Say
    dataset: Dataset = field(init=False)

    def __post_init__(self) -> None:
        self.dataset = Dataset(self.tables, self.config.protocol)

    def first_stage(self) -> FoldLists:
        """The offline candidate lists of every fold; vectors of texts are kept in the run's folder."""
        kept = cached_embeddings(self.folder.root, embed)
        return FoldLists(self.dataset, self.config.candidates, self.say, kept)

    def export(self, target: Target, data: DataFacts, stack: Stack) -> tuple[Path, Evaluation]:
        """The folder of the new version, measured as the stack serves it, and its results."""
        self._check_trained()
        trained_on = TrainedOn.of(self.tables, self.config.protocol)
        release = Release(self.config, self.dataset, self.folder, target.form, trained_on)
        check_new(target.repository / MODEL / str(target.version))
        fusions, evaluation = self.measure(StagedLists(release, stack, target.bi_encoder), baselines=True)
        card = write_card(self.config, data, evaluation, target.form.weights)
        return release.write(target.repository, target.version, fusions, card), evaluation

    def evaluate_offline(self, users: int, seed: int, progress: Progress) -> Evaluation:
        """On the offline first stages: ``users`` test users, drawn by ``seed`` (0: all)."""
        release = Release(self.config, self.dataset, self.folder)
        return self.measure(OfflineLists(release, self.first_stage(), progress, users, seed), seed=seed)[1]

    def measure(self, lists: ListsOfPhase, *, baselines: bool = False, seed: int = 1) -> tuple[Fusions, Evaluation]:
        """Fusions of all valid lists, and what they make of the test lists. With ``baselines`` first stages that the
        gateway has not have a row each."""
        self._check_trained()
        table = self._table(lists(Phase.VALID))
        self.say(f"fitting {self.config.fusion.kind} on {len(table.sizes)} valid lists, {len(table.names)} features")
        fusions = fit_fusions(table, self.config.fusion, self.config.seed)
        test = lists(Phase.TEST, fusions)
        offline = baseline_orders(self.dataset, self.config.candidates, self.say) if baselines else None
        evaluation = evaluate_served(test, self.dataset, fusions.without_logit, offline=offline, seed=seed)
        return fusions, replace(evaluation, fusion_ablation=ablate_fusion(table, self.config.fusion))

    def evidence(self, most: int, checkpoint: Path | None = None) -> Evidence:
        """What the gate judges a version of this run by: at most so many test lists. ``checkpoint``: other weights than
        the run's."""
        self.folder.check(self.config, tables_digest(self.tables))
        return Evidence(
            checkpoint=checkpoint or self.folder.trained_model(),
            lists=held_out_lists(self.folder, self.dataset, most),
            learned=learned_lists(self.folder),
            dataset=self.dataset,
        )

    def _table(self, valid: Sequence[ServedList]) -> FusionTable:
        sources = [name for name in valid[0].by_source if name != BLEND]
        names = feature_names(self.config.fusion, sources, self.dataset.fields.values())
        return tabulate(scored_lists(valid, self.dataset, Phase.VALID), names)

    def _check_trained(self) -> None:
        self.folder.check(self.config, tables_digest(self.tables))
        self.dataset.require_users()
        self.folder.trained_model()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a version is measured on. ``config``: protocol and first stages for tables that it was not trained on.
    ``users``: so many test users, drawn by ``seed`` (0: all). ``shared``: fields with a rule's row and a segment."""

    tables: Tables
    config: TrainingConfig | None = None
    users: int = 0
    seed: int = 1
    shared: Sequence[SharedField] = KNOWN_FIELDS


def evaluate_version(version: Path, on: Measured, stack: Stack, say: Say) -> Evaluation:
    """A version folder of a model repository as the stack serves it, with the fusions that it brings. Raises
    TrainingError, and what the stack raises."""
    protocol = measured_protocol(version, on.tables, on.config.protocol if on.config else None)
    dataset = Dataset(on.tables, protocol)
    dataset.require_users()
    cases = dataset.cases(Phase.TEST)
    if on.users:
        cases = random.Random(on.seed).sample(cases, min(on.users, len(cases)))
    lists = stack.serve(version.parents[1], dataset, Phase.TEST, cases)
    offline = baseline_orders(dataset, on.config.candidates if on.config else SourceOptions(), say)
    learned = read_baselines(version / "encoding")
    if stack.fit and lists[0].logits:  # what was fitted orders the lists; the version's own order is a row beside it
        learned[READER] = open_bundle(version / "encoding").fusion
    return evaluate_served(lists, dataset, learned, offline=offline, shared=on.shared, seed=on.seed)
