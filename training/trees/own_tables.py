"""Tables that trees are fitted on and judged on, of all folds, some at the same time. Knows no trees."""

import gc
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
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
    first_stages, listed = first_stage_gains(data.warm), [bool(one.candidates) for one in data.lists]
    try:
        return FoldTable(first_stages, listed, tabulate(data.scored, names, np.float32))
    except RunIncomplete as fault:
        return FoldTable(first_stages, listed, None, fault.message)


def fold_tables(lists: OwnLists, features: Mapping[int, Sequence[str]]) -> Generator[FoldTable, None, None]:
    """Of the ``features`` of each fold, one after the other; in as many processes as there are cores where there is
    much to do. Raises RunIncomplete where one of them ends before its work is done."""
    if sum(len(lists.cases(fold)) for fold in features) <= FEW_LISTS:
        for fold, names in features.items():
            with threadpool_limits(1):  # as in a process of its own: sums of other threads differ in the last bits
                made = fold_table(lists, fold, names)
            yield made
        return
    with TemporaryDirectory() as folder:
        file = Path(folder) / "lists.pickle"
        file.write_bytes(pickle.dumps(lists))
        yield from _in_processes(file, features)


def _in_processes(file: Path, features: Mapping[int, Sequence[str]]) -> Iterator[FoldTable]:
    """``file`` holds the lists: what is given to a process must be small, or one that ends at once blocks the giver."""
    # Not forked: threads of the store's connections run here.
    context = multiprocessing.get_context("spawn")
    workers = min(len(features), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, context, _begin, (file,)) as pool:
        try:
            yield from pool.map(_work, features.keys(), features.values())
        except BrokenProcessPool as fault:
            raise RunIncomplete(
                "a process that makes lists ended before its work was done",
                "free memory and repeat the command; a script of your own needs: if __name__ == '__main__'",
            ) from fault
        finally:
            pool.shutdown(cancel_futures=True)


_given: list[OwnLists] = []
"""What a worker works on: it is read once, not with every fold."""


def _begin(file: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, without a traceback
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # lists are millions of objects without a circle: looking for one takes a seventh of the time
    threadpool_limits(1)  # as many processes as cores: more threads would wait for each other
    _given[:] = [pickle.loads(file.read_bytes())]


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _work(fold: int, names: Sequence[str]) -> FoldTable:
    return fold_table(_given[0], fold, names)
