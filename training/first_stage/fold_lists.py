"""The candidate lists of every fold of a data set, each from sources fitted on what that fold may know. Knows no model
but the bi-encoder's vectors."""

from functools import cached_property

from gateway.domain.progress import Say
from gateway.encoding.item_text import item_text
from training.errors import ConfigInvalid
from training.first_stage.embedding_cache import Embed
from training.first_stage.fold_first_stage import FoldFirstStage
from training.first_stage.offline_sources import Fit, Texts, fit_sources
from training.first_stage.text import bm25, embed
from training.first_stage.training_interactions import TrainingInteractions, known_in
from training.lists.candidate_list import CandidateList
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset
from training.protocol.leaks import check_fit, check_known, check_lists, fingerprint

MAX_ITEMS = 20_000
"""EASE and BM25 hold [items, items] in memory: 1.6 GB each here."""


class FoldLists:
    """Called with a fold, makes its lists: one per user who has the fold. Lists are made anew at every call."""

    def __init__(
        self,
        dataset: Dataset,
        options: SourceOptions,
        say: Say,
        embed_texts: Embed = embed,
        fit: Fit = fit_sources,
    ) -> None:
        if len(dataset.items) > MAX_ITEMS:
            raise ConfigInvalid(
                f"the catalogue has {len(dataset.items)} items; offline first stages take at most {MAX_ITEMS}",
                "train on the items that were interacted with most; the served catalogue has no such bound",
            )
        self._dataset = dataset
        self._options = options
        self._say = say
        self._embed = embed_texts
        self._fit = fit

    def __call__(self, fold: int) -> list[CandidateList]:
        """Raises Leak when what was fitted or made knows what is to be predicted."""
        rows, cases = self._dataset.interactions(fold), self._dataset.cases(fold)
        known, held_out = known_in(self._dataset, fold), self._dataset.cases_from(fold)
        check_fit(rows, held_out)
        check_known(self._named(known), held_out)
        self._say(f"first stage of fold {fold}: {len(cases)} lists of {self._options.depth}")
        sources = self._fit(known, self._texts, self._options)
        lists = FoldFirstStage(self._dataset, sources, self._options).lists(cases)
        check_lists(lists, fingerprint(fold, rows), self._dataset, fold)
        return lists

    def _named(self, known: TrainingInteractions) -> dict[str, list[str]]:
        """What the sources are fitted on, by name: checked as it is, not as it should be."""
        items = self._dataset.items
        histories = zip(known.users, known.histories, strict=True)
        return {user_id: [items[place].item_id for place in history.oldest_first] for user_id, history in histories}

    @cached_property
    def _texts(self) -> Texts:
        texts = [item_text(item.fields) for item in self._dataset.items]
        return Texts(bm25(texts), self._embed(texts))
