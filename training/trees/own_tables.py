"""Tables that trees are fitted on and judged on, of all folds, some at the same time. Knows no trees."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from training.errors import RunIncomplete
from training.protocol.dataset import Phase
from training.ranker.table import FusionTable, Values, tabulate
from training.ranker.verdict import first_stage_gains
from training.trees.own_lists import OwnLists

FEW_LISTS = 500
"""So many are made sooner than a second process has started."""


@dataclass(frozen=True, slots=True)
class FoldTable:
    """Of one fold: ``first_stages``: NDCG@10 [lists] of each source and the blend. ``table``: of the lists ``listed``
    [lists], which have candidates; None, for the reason ``missing``, where they hold no target."""

    first_stages: Mapping[str, Values]
    listed: Sequence[bool]
    table: FusionTable | None
    missing: str = ""


def fold_table(lists: OwnLists, fold: int, names: Sequence[str]) -> FoldTable:
    """Features ``names`` of the lists of ``fold``; all folds but the test are to be fitted on."""
    data = lists.fold(fold) if fold == Phase.TEST else lists.learned_fold(fold)
    first_stages, listed = first_stage_gains(data.lists), [bool(one.candidates) for one in data.lists]
    try:
        return FoldTable(first_stages, listed, tabulate(data.scored, names))
    except RunIncomplete as fault:
        return FoldTable(first_stages, listed, None, fault.message)


def fold_tables(lists: OwnLists, features: Mapping[int, Sequence[str]]) -> Iterator[FoldTable]:
    """Of the ``features`` of each fold, one after the other; in as many processes as there are cores where there is
    much to do."""
    if sum(len(lists.cases(fold)) for fold in features) <= FEW_LISTS:
        yield from (fold_table(lists, fold, names) for fold, names in features.items())
        return
    # Not forked: threads of the store's connections run here.
    context = multiprocessing.get_context("spawn")
    workers = min(len(features), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, context, _begin, (lists,)) as pool:
        try:
            yield from pool.map(_work, features.keys(), features.values())
        finally:
            pool.shutdown(cancel_futures=True)


_given: list[OwnLists] = []
"""What a worker works on: it comes once, not with every fold."""


def _begin(lists: OwnLists) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the parent's to stop
    threadpool_limits(1)  # as many processes as cores: more threads would wait for each other
    _given[:] = [lists]


def _work(fold: int, names: Sequence[str]) -> FoldTable:
    return fold_table(_given[0], fold, names)
