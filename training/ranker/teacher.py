"""The fused score of the first stage, without a cross-encoder, as a teacher of one: trees learn from few lists what a
model that reads texts needs many for. Every list is scored by a fusion fitted on other users. Knows no text."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gateway.domain.progress import Say
from gateway.ranker.features import LOGIT_FAMILY, feature_family
from training.errors import RunIncomplete
from training.lists.candidate_list import CandidateList
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset
from training.ranker.cross_fit import ndcg_by_list, out_of_fold
from training.ranker.feature_names import feature_names
from training.ranker.fit import fit_fusion
from training.ranker.lists import unscored_lists
from training.ranker.table import Values, tabulate


def rank_by_fusion(
    folds: Mapping[int, Sequence[CandidateList]], config: TrainingConfig, dataset: Dataset, say: Say
) -> list[CandidateList]:
    """The lists of all folds with their candidates in the teacher's order: a candidate's ``score`` is its fused score
    before the sigmoid. Lists without candidates are left out. Raises RunIncomplete where there is none, and what the
    fit of the fusion raises."""
    lists = [one for found in folds.values() for one in found if one.candidates]
    if not lists:
        raise RunIncomplete("there is no candidate list to train on", "lower protocol.held_out or min_history")
    sources = list(dict.fromkeys(hit.source for one in lists for candidate in one.candidates for hit in candidate.hits))
    fitting = feature_names(config.fusion, sources, dataset.fields.values())
    names = [name for name in fitting if feature_family(name) != LOGIT_FAMILY]
    given = [scored for fold, found in folds.items() for scored in unscored_lists(found, dataset, fold)]
    table = tabulate(given, names)
    if still := [name for name, column in zip(names, table.matrix.T, strict=True) if not np.ptp(column)]:
        say(f"teacher: {', '.join(still)} never vary on training lists; the offline sources are {', '.join(sources)}")
    say(f"teacher: {config.fusion.kind} on {len(lists)} training lists, {len(names)} features")
    options = replace(config.fusion, bag=1)
    margins = out_of_fold(table, lambda part: fit_fusion(part, options, config.seed), seed=config.seed)
    say(f"teacher: NDCG@10 {ndcg_by_list(table, margins).mean():.4f} on users that it was not fitted on")
    return [_ranked(one, own) for one, own in zip(lists, np.split(margins, table.starts[1:]), strict=True)]


def _ranked(one: CandidateList, margins: Values) -> CandidateList:
    by_rank = sorted(one.candidates, key=lambda candidate: candidate.rank)  # the rows of a table
    order = np.argsort(-margins, kind="stable")
    return replace(
        one,
        candidates=tuple(
            replace(by_rank[place], rank=number, score=float(margins[place]))
            for number, place in enumerate(order, start=1)
        ),
    )
