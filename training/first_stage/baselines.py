"""First stages that are no sources of the gateway, as rows that served lists are measured against. Knows no model."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gateway.domain.progress import Say
from training.first_stage.fold_lists import MAX_ITEMS, FoldLists
from training.first_stage.offline_sources import fit_baselines
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, Phase

BASELINES = ("als", "bm25")

Orders = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Items by user and row."""


def baseline_orders(dataset: Dataset, options: SourceOptions, say: Say) -> Orders:
    """Of every test user, by baselines fitted on what was known then; empty where the catalogue is too large for
    them. Raises Leak as FoldLists does."""
    if len(dataset.items) > MAX_ITEMS:
        say(f"no rows of {', '.join(BASELINES)}: {len(dataset.items)} items are more than {MAX_ITEMS}")
        return {}
    no_vectors = np.zeros((len(dataset.items), 1), np.float32)
    lists = FoldLists(dataset, replace(options, fused=BASELINES), say, lambda texts: no_vectors, fit_baselines)
    return {one.user_id: {name: one.by_source[name] for name in BASELINES} for one in lists(Phase.TEST)}
