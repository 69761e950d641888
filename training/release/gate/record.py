"""What a run left for the gate: its checkpoint, the lists it was trained on, the test lists that were served. Knows no
check."""

from collections.abc import Sequence

from training.errors import RunIncomplete
from training.examples.example import read_examples
from training.fit.distillation_lists import read_lists
from training.lists.candidate_list import CandidateList
from training.lists.served import read_served
from training.model.references import whole
from training.protocol.dataset import Dataset, Phase
from training.protocol.leaks import MadeList, check_targets
from training.ranker.lists import scored_lists
from training.ranker.table import ScoredList
from training.run_folder import RunFolder


def learned_lists(folder: RunFolder) -> Sequence[MadeList]:
    """The lists of the run's fit. Raises RunIncomplete when there are none."""
    if folder.examples.is_file():
        return [
            CandidateList(one.user_id, one.history.map(whole), (whole(one.items[0]),), ())
            for one in read_examples(folder.examples)
        ]
    if folder.lists.is_file():
        return read_lists(folder.lists)
    raise RunIncomplete(f"{folder.root} has no training lists", "give the folder of a run of crossrank train")


def held_out_lists(folder: RunFolder, dataset: Dataset, most: int) -> list[ScoredList]:
    """The first ``most`` test lists that crossrank export served, of the greatest depth. Raises RunIncomplete, or Leak
    when they are about other targets than the test targets of the data set."""
    file = folder.deepest_served(Phase.TEST.name.lower())
    if file is None:
        raise RunIncomplete(f"{folder.root} has no served test lists", "run crossrank export with this run")
    served = read_served(file)[:most]
    check_targets(served, dataset, Phase.TEST)
    return scored_lists(served, dataset, Phase.TEST)
