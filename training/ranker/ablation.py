"""What each family of features is worth to a fused score, for the report. Knows no list and no model."""

from contextlib import suppress

import numpy as np

from training.errors import RunIncomplete
from training.options.config import FusionOptions
from training.ranker.cross_fit import Ablation, ablate
from training.ranker.linear import fit_linear
from training.ranker.table import FusionTable

LISTS = 500


def ablate_fusion(table: FusionTable, options: FusionOptions) -> list[Ablation]:
    """NDCG@10 with all features and without each family, each list scored by a fusion fitted on other users. By a
    linear score on the first LISTS lists, whatever kind is served: trees would take an hour where it takes minutes.
    Empty where there are too few users to leave some out."""
    kept = table.of_lists(np.arange(len(table.sizes)) < LISTS)
    with suppress(RunIncomplete):
        return ablate(kept, lambda part: fit_linear(part, options.ridge))
    return []
