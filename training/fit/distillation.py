"""Distillation of a first stage into the cross-encoder, list by list: the logits learn how far apart the teacher's
scores of any two items are (as MarginMSE, Hofstätter et al., 2020, over all pairs of a list at once).

A sampled list with one positive tells little; the soft labels of a teacher that never saw this user tell something of
every pair. Along the way the layer below the last learns, at every history item, how it relates to the candidate: a
label per history item instead of one per pair, and what the last layer has to add up.
"""

from collections.abc import Sequence

import numpy as np
import torch
from datasets import Dataset as Rows
from torch import Tensor, nn

from training.fit.distillation_lists import TrainingList
from training.model.cross_encoder import PairCrossEncoder, encoder_of
from training.model.pair_table import context_key

LEVEL_WEIGHT = 0.1
"""Of a list's mean logit: only differences within a list rank, but the level keeps logits comparable between lists."""
RELATION_WEIGHT = 0.5


class DistilLoss(nn.Module):
    """The loss of a batch of B lists, list b with n(b) items, in parts that the trainer adds up:

    * ``inside``: the mean over all pairs of (e - mean of e within its list)², e = logit - soft label;
    * ``level``: LEVEL_WEIGHT times the mean over lists of (mean of e)²;
    * ``relation``: RELATION_WEIGHT times the mean squared error of two numbers per pair and history item, read by a
      linear map from the mean state, one layer below the last, of the tokens that spell the history item. Left out
      without ``relations``, when only the logits are to learn.

    Columns as distil_rows makes them: ``inputs`` are B context keys and B lists of item ids; ``labels`` B vectors of
    n(b) soft labels followed by n(b) · history items · 2 relations. A list with logits (2, 0) and soft labels (1, -1)
    has e = (1, 1): nothing inside, LEVEL_WEIGHT · 1 for the level.
    """

    def __init__(self, model: PairCrossEncoder, *, relations: bool = True) -> None:
        super().__init__()
        self.model = model
        self._relation_weight = RELATION_WEIGHT if relations else 0.0
        self._table = model.pair_table
        self.project_relation = nn.Linear(encoder_of(model).config.hidden_size, 2)

    def forward(
        self, inputs: tuple[list[str], list[list[str]]], labels: list[Tensor], **_: object
    ) -> dict[str, Tensor]:
        """The parts, each a scalar. Raises KeyError for an item that the model's table does not have."""
        keys, lists = inputs
        pairs = [(key, item_id) for key, items in zip(keys, lists, strict=True) for item_id in items]
        logits_n, states = self.model.read(pairs)
        logits = logits_n.split([len(items) for items in lists])
        soft = [label[: len(items)].float() for label, items in zip(labels, lists, strict=True)]
        errors = [logit - wanted for logit, wanted in zip(logits, soft, strict=True)]
        level = torch.stack([error.mean() for error in errors])
        inside = torch.cat([error - error.mean() for error in errors])
        parts = {"inside": inside.square().mean(), "level": LEVEL_WEIGHT * level.square().mean()}
        if self._relation_weight:
            told = [
                label[len(items) :].float().view(len(items), -1, 2) for label, items in zip(labels, lists, strict=True)
            ]
            relation = self._relation(states[-2], pairs, torch.cat(told))
            parts["relation"] = self._relation_weight * relation
        return parts

    def _relation(self, states_bth: Tensor, pairs: Sequence[tuple[str, str]], relations: Tensor) -> Tensor:
        """Mean squared error at the mean state of the tokens of every history item whose relations are known."""
        means, wanted = [], []
        for row, (key, item_id) in enumerate(pairs):
            places, spans = self._table.context(key).history_places, self._table.spans(key, item_id)
            for place, (_, start, stop) in zip(places, spans[:-1], strict=True):
                if place < relations.shape[1]:
                    means.append(states_bth[row, start:stop].float().mean(dim=0))
                    wanted.append(relations[row, place])
        if not means:
            return torch.zeros(())
        told: Tensor = self.project_relation(torch.stack(means)) - torch.stack(wanted)
        return told.square().mean()


def distil_rows(lists: Sequence[TrainingList], history_items: int) -> Rows:
    """One row per list: ``context``, ``items``, and ``label``, [items] soft labels then [items, history_items, 2]
    relations, flat. Both are standardised over all lists (soft labels by their mean standard deviation within a list);
    relations of histories shorter than ``history_items`` are padded with 0 and never read."""
    spread = float(np.mean([np.std(one.soft_labels) for one in lists])) or 1.0
    middle = float(np.mean([np.mean(one.soft_labels) for one in lists]))
    stacked = np.concatenate([np.reshape(one.relations, (-1, 2)) for one in lists])
    mean, scale = stacked.mean(axis=0), np.maximum(stacked.std(axis=0), 1e-9)
    labels = []
    for one in lists:
        relations = np.zeros((len(one.items), history_items, 2))
        told = np.reshape(one.relations, (len(one.items), -1, 2))[:, :history_items]
        relations[:, : told.shape[1]] = (told - mean) / scale
        soft = (np.array(one.soft_labels) - middle) / spread
        labels.append([*soft.tolist(), *relations.ravel().tolist()])
    return Rows.from_dict(
        {
            "context": [context_key(one.history) for one in lists],
            "items": [list(one.items) for one in lists],
            "label": labels,
        }
    )
