"""A tiny trained run and the versions made of it, good and spoilt, for tests of what may serve."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from gateway.domain.values import Candidate, HistoryEvent
from gateway.encoding.bundle import fingerprint_of
from gateway.ranker.features import FusionInput
from tests.training.run_tiny import TABLES, tiny_config, train_tiny
from training.evaluation.reading import ReadingRow
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset, Phase
from training.ranker.table import ScoredList
from training.release.gate.gate import Evidence
from training.release.gate.record import learned_lists
from training.release.reading import record_reading
from training.release.release import Release
from training.release.repository.manifest import write_manifest
from training.release.repository.triton_config import read_config, to_text
from training.run_folder import RunFolder

Spoil = Callable[[PreTrainedModel], None]


@dataclass(frozen=True)
class TinyRelease:
    """``run``: the trained run; versions of it are written into repositories of their own."""

    config: TrainingConfig
    dataset: Dataset
    run: RunFolder

    @classmethod
    def make(cls, folder: Path) -> "TinyRelease":
        """Trains it: some seconds."""
        config = tiny_config(folder)
        return cls(config, Dataset(TABLES, config.protocol), train_tiny(config, folder / "run"))

    def version(self, repository: Path, number: int = 1) -> Path:
        """A good version, judged to be worth reading where texts are all that is known."""
        version = Release(self.config, self.dataset, self.run).write(repository, number, None, "# Tiny\n\nGood.\n")
        record_reading(version, [ReadingRow("inline", 0.2, 0.1, 0.1, 0.05, 0.15, 0.001)])
        return version

    def spoilt(self, repository: Path, spoil: Spoil, number: int = 1) -> Path:
        """A version exported from spoilt weights: consistent in itself, only worse."""
        return Release(self.config, self.dataset, self.spoilt_run(repository / "run", spoil)).write(
            repository, number, None, "# Tiny\n\nSpoilt.\n"
        )

    def spoilt_run(self, folder: Path, spoil: Spoil) -> RunFolder:
        """A run folder with the spoilt weights as its trained model."""
        model = AutoModelForSequenceClassification.from_pretrained(self.run.model)
        torch.manual_seed(4)
        with torch.no_grad():
            spoil(model)
        shutil.copytree(self.run.model, folder / "cross_encoder", ignore=shutil.ignore_patterns("*.safetensors"))
        model.save_pretrained(folder / "cross_encoder")
        return RunFolder(folder)

    def lists(self, depth: int = 24, seed: int = 1) -> list[ScoredList]:
        """Test lists: the targets among random items that the user had not met."""
        draw, fields = random.Random(seed), self.dataset.fields
        made = []
        for case in self.dataset.cases(Phase.TEST):
            others = sorted(fields.keys() - case.seen - set(case.history.oldest_first) - set(case.targets))
            chosen = [*draw.sample(others, depth - len(case.targets)), *case.targets]
            draw.shuffle(chosen)
            candidates = [Candidate(item_id, rank, 1 / rank) for rank, item_id in enumerate(chosen, start=1)]
            history = case.history.map(lambda item_id: HistoryEvent(item_id, fields[item_id])).newest_first
            given = FusionInput(candidates, {}, fields, history)
            made.append(ScoredList(case.user_id, given, frozenset(case.targets)))
        return made

    def evidence(self, champion: Path | None = None) -> Evidence:
        """All that a gate can ask for."""
        return Evidence(
            champion=champion,
            checkpoint=self.run.model,
            lists=self.lists(),
            learned=learned_lists(self.run),
            dataset=self.dataset,
        )


def negate_head(model: PreTrainedModel) -> None:
    """As if liked and not liked had been swapped."""
    for weight in model.get_submodule("classifier").parameters():
        weight.neg_()


def add_noise(model: PreTrainedModel) -> None:
    """A model that has forgotten all: noise of the same size as its weights."""
    noise = torch.Generator().manual_seed(3)
    for weight in model.parameters():
        if weight.ndim == 2:
            weight.copy_(torch.randn(weight.shape, generator=noise) * weight.std())


def publish(version: Path) -> None:
    """Makes manifest and published fingerprint those of the files, as one would who hides a change."""
    write_manifest(version)
    file = version.parent / "config.pbtxt"
    config = read_config(file)
    config.parameters[f"encoding_fingerprint.{version.name}"].string_value = fingerprint_of(version / "encoding")
    file.write_text(to_text(config), encoding="utf-8")
