"""The held-out lists that a run is measured on, by phase: as a version would be served by a stack, or made offline. The
stack itself is a port; knows no metric."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from gateway.domain.progress import Progress
from training.evaluation.offline_lists import ListScorer, ranked_by, score_lists
from training.first_stage.fold_lists import FoldLists
from training.lists.served import ServedList, read_served, write_served
from training.protocol.dataset import Dataset, Phase, UserCase
from training.ranker.fit import Fusions
from training.ranker.lists import scored_lists
from training.release.release import Release


class ListsOfPhase(Protocol):
    """Where the lists of a run come from."""

    def __call__(self, phase: Phase, fusions: Fusions | None = None) -> list[ServedList]:
        """The lists of a phase, ranked by the fused score that is served; by the logit alone where there is none yet.
        Raises TrainingError, and what the stack raises."""


class Stack(Protocol):
    """A throw-away stack that serves lists as they are served to users."""

    @property
    def depth(self) -> int:
        """Candidates that are re-ranked."""

    @property
    def fit(self) -> bool:
        """Whether a ranker that is fitted on the spot orders the lists."""

    def serve(self, repository: Path, dataset: Dataset, phase: Phase, cases: Sequence[UserCase]) -> list[ServedList]:
        """The lists of the cases by the models of ``repository``, from a store that knows what may be known in the
        phase. Raises what its parts raise."""


@dataclass(frozen=True, slots=True)
class StagedLists:
    """By a stack on a repository with this run as its cross-encoder. Lists that were served before, with the same graph
    and fused score, are read from the run's folder."""

    release: Release
    stack: Stack
    bi_encoder: Path

    def __call__(self, phase: Phase, fusions: Fusions | None = None) -> list[ServedList]:
        """As ListsOfPhase says."""
        folder, dataset, name = self.release.folder, self.release.dataset, phase.name.lower()
        kept = folder.served(name, self.stack.depth, self.release.form.device)
        made_by, ranked_by_now = kept.with_suffix(".sha256"), self.release.digest(fusions)
        known = made_by.read_text(encoding="utf-8").strip() if made_by.is_file() else ""
        if not kept.is_file() or known != ranked_by_now:
            staged = self.release.stage(self.bi_encoder, folder.root / f"repository-{name}", fusions)
            lists = self.stack.serve(staged, dataset, phase, dataset.cases(phase))
            made_by.unlink(missing_ok=True)
            write_served(kept, lists)
            made_by.write_text(ranked_by_now + "\n", encoding="utf-8")
        return read_served(kept)


@dataclass(frozen=True)
class OfflineLists:
    """From the offline first stages, scored by the run's graph. ``users``: so many test users, drawn by ``seed``
    (0: all). Logits are kept in the run's folder."""

    release: Release
    make: FoldLists
    progress: Progress
    users: int = 0
    seed: int = 1

    def __call__(self, phase: Phase, fusions: Fusions | None = None) -> list[ServedList]:
        """As ListsOfPhase says."""
        lists, name = self.make(phase), phase.name.lower()
        if phase is Phase.TEST and self.users:
            chosen = {*random.Random(self.seed).sample([one.user_id for one in lists], min(self.users, len(lists)))}
            lists = [one for one in lists if one.user_id in chosen]
        depth = self.release.config.candidates.depth
        cache = self.release.folder.root / f"logits-{name}-{depth}-{len(lists)}-{self.seed}.npz"
        with self.progress(f"scoring {name} lists", len(lists)) as advance:
            scored = score_lists(lists, self._scorer, cache, advance)
        if fusions is None:
            return scored
        return ranked_by(fusions.served, scored, scored_lists(scored, self.release.dataset, phase))

    @cached_property
    def _scorer(self) -> ListScorer:
        return ListScorer(self.release.graph, self.release.encoder(), self.release.dataset.fields)
