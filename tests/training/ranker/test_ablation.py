"""What a family of features is worth: what knows something is missed, and a few users are no fault."""

import numpy as np

from tests.training.tables_by_hand import random_table
from training.options.config import FusionOptions
from training.ranker.ablation import LISTS, ablate_fusion


def test_a_family_that_knows_something_is_missed_most() -> None:
    everything, *without = ablate_fusion(random_table(200, logit_quality=2.0, seed=3), FusionOptions())
    assert (everything.left_out, everything.change) == ("nothing", 0.0)
    changes = {one.left_out: one.change for one in without}
    assert min(changes, key=changes.__getitem__) == "logit"
    assert changes["logit"] < -0.1


def test_no_more_lists_are_read_than_minutes_allow() -> None:
    table = random_table(LISTS + 50, logit_quality=1.0, seed=4)
    first = table.of_lists(np.arange(LISTS + 50) < LISTS)
    assert ablate_fusion(table, FusionOptions()) == ablate_fusion(first, FusionOptions())


def test_too_few_users_to_leave_some_out_are_no_fault() -> None:
    assert ablate_fusion(random_table(3, logit_quality=1.0, seed=5), FusionOptions()) == []
