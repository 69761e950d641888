"""Candidate lists that several runs share: made once per protocol, options and fold. Knows no model."""

from collections.abc import Callable, Sequence
from functools import lru_cache

from gateway.domain.progress import Say
from training.data.tables import Tables
from training.first_stage.fold_lists import FoldLists
from training.lists.candidate_list import CandidateList
from training.options.config import TrainingConfig
from training.options.protocol import Protocol
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset


class SharedLists:
    """Called with a configuration, gives its lists by fold. Those of the two newest protocols
    are kept in memory."""

    def __init__(self, tables: Tables, say: Say) -> None:
        self._tables = tables
        self._say = say
        self._of = lru_cache(maxsize=2)(self._make)

    def __call__(self, config: TrainingConfig) -> Callable[[int], Sequence[CandidateList]]:
        """What training.run.Run asks for candidate lists."""
        return self._of(config.protocol, config.candidates)

    def _make(self, protocol: Protocol, options: SourceOptions) -> Callable[[int], Sequence[CandidateList]]:
        return lru_cache(maxsize=None)(FoldLists(Dataset(self._tables, protocol), options, self._say))
