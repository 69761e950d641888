"""The steps of crossrank export: export, fit the fusion on valid lists, measure on test lists, write the version. Must
not know how any of them is done."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clients.command_line.evaluate.stack_lists import HeldOutListServer
from clients.command_line.shared import console
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.data.digest import tables_digest
from training.data.tables import Tables
from training.evaluation.evaluation import Evaluation
from training.evaluation.served import evaluate_served
from training.first_stage.baselines import baseline_orders
from training.lists.served import BLEND, ServedList, read_served, write_served
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset, Phase
from training.protocol.trained_on import TrainedOn
from training.ranker.ablation import ablate_fusion
from training.ranker.feature_names import feature_names
from training.ranker.fit import Fusions, fit_fusions
from training.ranker.lists import scored_lists
from training.ranker.table import FusionTable, tabulate
from training.release.card import DataFacts, write_card
from training.release.release import MODEL, Release, ServedForm
from training.release.repository.version import check_new
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Exporter:
    """One run to one version. Lists that were served before, with the same graph and fused score, are read from the
    run's folder."""

    config: TrainingConfig
    tables: Tables
    data: DataFacts
    folder: Path
    repository: Path
    quiet: bool
    form: ServedForm = field(default_factory=ServedForm)

    def run(self, version: int, depth: int) -> tuple[Path, Evaluation]:
        """The version's folder and its results."""
        folder, dataset = RunFolder(self.folder), Dataset(self.tables, self.config.protocol)
        folder.check(self.config, tables_digest(self.tables))
        dataset.require_users()
        folder.trained_model()
        check_new(self.repository / MODEL / str(version))
        trained_on = TrainedOn.of(self.tables, self.config.protocol)
        release = Release(self.config, dataset, folder, self.form, trained_on)
        draft = write_card(self.config, self.data, None, self.form.weights)
        valid = self._lists(dataset, release, Phase.VALID, depth, None, draft)
        table = self._table(valid, dataset)
        fusions = fit_fusions(table, self.config.fusion, self.config.seed)
        test = self._lists(dataset, release, Phase.TEST, depth, fusions, draft)
        offline = baseline_orders(dataset, self.config.candidates, console.say)
        evaluation = replace(
            evaluate_served(test, dataset, fusions.without_logit, offline=offline),
            fusion_ablation=ablate_fusion(table, self.config.fusion),
        )
        card = write_card(self.config, self.data, evaluation, self.form.weights)
        return release.write(self.repository, version, fusions, card), evaluation

    @property
    def bi_encoder(self) -> Path:
        """That of the repository that is written into, else the shipped one."""
        own = self.repository / "bi_encoder"
        return own if own.is_dir() else PROJECT_REPOSITORY / "bi_encoder"

    def _table(self, valid: Sequence[ServedList], dataset: Dataset) -> FusionTable:
        sources = [name for name in valid[0].by_source if name != BLEND]
        names = feature_names(self.config.fusion, sources, dataset.fields.values())
        return tabulate(scored_lists(valid, dataset, Phase.VALID), names)

    def _lists(
        self, dataset: Dataset, release: Release, phase: Phase, depth: int, fusions: Fusions | None, card: str
    ) -> list[ServedList]:
        kept = RunFolder(self.folder).served(phase.name.lower(), depth, self.form.device)
        made_by, ranked_by = kept.with_suffix(".sha256"), release.digest(fusions)
        known = made_by.read_text(encoding="utf-8").strip() if made_by.is_file() else ""
        if not kept.is_file() or known != ranked_by:
            console.say(
                f"serving the {phase.name.lower()} lists of {len(dataset.evaluated_users)} users, {depth} candidates"
            )
            staged = release.stage(self.bi_encoder, self.folder / f"repository-{phase.name.lower()}", fusions, card)
            server = HeldOutListServer(dataset, staged, self.folder / "stack", depth, self.quiet)
            lists = server.lists(phase, dataset.cases(phase))
            made_by.unlink(missing_ok=True)
            write_served(kept, lists)
            made_by.write_text(ranked_by + "\n", encoding="utf-8")
        return read_served(kept)
