"""Candidate lists to training examples: one per positive, with chosen negatives and augmentation; and to the columns
that the trainer reads. Knows no text and no model."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from datasets import Dataset as Rows

from training.data.impressions import ImpressionRow
from training.errors import RunIncomplete
from training.examples.augmentation import Augmenter, keep_probability
from training.examples.example import RankingExample
from training.examples.near_duplicates import NO_LOOKALIKES, SemanticNeighbors
from training.examples.negatives import Knowledge, NegativeChooser
from training.lists.candidate_list import CandidateList
from training.model.pair_table import context_key
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset, Phase

POSITIVE, NEGATIVE = 1.0, 0.0


class ExampleMaker:
    """Makes the examples of a run: the same for the same seed."""

    def __init__(self, config: TrainingConfig, knowledge: Knowledge) -> None:
        self._config = config
        self._knowledge = knowledge

    def make(self, lists: Sequence[CandidateList]) -> list[RankingExample]:
        """``fit.lists`` examples, or every positive ``fit.epochs`` times, in a new order with new negatives and
        changes. Where a fusion teaches, ``lists`` are in its order, and an example has only what it scored, and what
        was shown in vain. Raises RunIncomplete when there is nothing to learn from."""
        places = [(one, number) for one in lists for number in self._learned(one)]
        if not places:
            raise RunIncomplete("there is no candidate list to train on", "lower protocol.held_out or min_history")
        options = self._config.fit
        wanted = options.lists or options.epochs * len(places)
        examples: list[RankingExample] = []
        epoch = 0
        while len(examples) < wanted:
            examples += self._epoch(places, np.random.default_rng([self._config.seed, epoch]))
            epoch += 1
            if epoch == options.epochs and not options.lists:
                break
        return examples[:wanted]

    def _epoch(
        self, places: Sequence[tuple[CandidateList, int]], random: np.random.Generator
    ) -> Iterator[RankingExample]:
        text, augment = self._config.text, self._config.augment
        chooser = NegativeChooser(self._config.negatives, self._knowledge)
        augmenter = Augmenter(augment, text.item_fields, text.history_fields, random)
        for place in random.permutation(len(places)):
            one, number = places[place]
            positive = one.targets[number]
            if random.random() >= keep_probability(positive, self._knowledge.popularity, augment.positive_power):
                continue
            history = augmenter.position(one.history, one.targets, number)
            items = (positive, *chooser.choose(one, positive, random))
            yield augmenter.change(self._labelled(RankingExample(history, items, (), one.user_id), one))

    def _learned(self, one: CandidateList) -> list[int]:
        """Which of the targets are positives of examples."""
        listed = {candidate.item_id for candidate in one.candidates}
        every = not self._config.teacher.fusion
        return [number for number, target in enumerate(one.targets) if every or target in listed]

    def _labelled(self, example: RankingExample, one: CandidateList) -> RankingExample:
        if not self._config.teacher.fusion:
            return replace(example, labels=(POSITIVE, *[NEGATIVE] * (len(example.items) - 1)))
        scores = {candidate.item_id: candidate.score for candidate in one.candidates}
        shown = self._knowledge.shown.get(one.user_id, ()) if self._config.negatives.shown else ()
        known = dict.fromkeys(shown, min(scores.values())) | scores  # shown in vain: wanted no more than the last
        items = tuple(item_id for item_id in example.items if item_id in known)
        return replace(example, items=items, labels=tuple(known[item_id] for item_id in items))


def known_to_training(dataset: Dataset, semantic_neighbors: SemanticNeighbors = NO_LOOKALIKES) -> Knowledge:
    """What the train part tells: everything before the valid fold."""
    liked = {user_id: frozenset(dataset.known_positives(user_id, Phase.VALID)) for user_id in dataset.users}
    popularity = {item.item_id: 0 for item in dataset.items}
    for items in liked.values():
        for item_id in items:
            popularity[item_id] += 1
    shown = {user_id: _looked_at(dataset.impressions(user_id, Phase.VALID)) for user_id in dataset.users}
    for row in dataset.interactions(Phase.VALID):
        if row.weight == 0:
            shown[row.user_id][row.item_id] = 1.0
    return Knowledge(liked, popularity, shown, semantic_neighbors)


def _looked_at(impressions: Iterable[ImpressionRow]) -> dict[str, float]:
    """Items that were shown in vain, with the probability that the user looked at one showing at least: an item where
    nobody looks was not refused (training/data/impressions.py)."""
    looked: dict[str, float] = {}
    for one in impressions:
        if not one.chosen:
            looked[one.item_id] = 1 - (1 - looked.get(one.item_id, 0.0)) * (1 - one.propensity)
    return looked


def example_rows(examples: Sequence[RankingExample]) -> Rows:
    """The columns that every loss of training/fit/losses.py reads."""
    return Rows.from_dict(
        {
            "context": [context_key(one.history) for one in examples],
            "items": [list(one.items) for one in examples],
            "label": [list(one.labels) for one in examples],
        }
    )
