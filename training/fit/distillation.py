"""The second training step's loss: a list's logits learn the differences of the first stage's beliefs.

A sampled list with one positive tells little; the belief of a first stage that never saw this user tells how far apart
any two items are. Along the way the layer below the last learns, at every history item, how it relates to the
candidate: a label per history item instead of one per pair, and what the last layer has to add up.
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
    """Columns: context key, item ids; label: a list's beliefs, then its relations, flat. Returns the parts.

    Without ``relations`` only the logits learn, once the layers below know enough.
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
        """The parts of the loss, each a mean."""
        keys, lists = inputs
        pairs = [(key, item_id) for key, items in zip(keys, lists, strict=True) for item_id in items]
        logits_n, states = self.model.read(pairs)
        logits = logits_n.split([len(items) for items in lists])
        beliefs = [label[: len(items)].float() for label, items in zip(labels, lists, strict=True)]
        errors = [logit - belief for logit, belief in zip(logits, beliefs, strict=True)]
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
    """Beliefs and relations standardised over all lists (beliefs by their spread within a list); relations of histories
    shorter than ``history_items`` are padded and never read."""
    spread = float(np.mean([np.std(one.beliefs) for one in lists])) or 1.0
    middle = float(np.mean([np.mean(one.beliefs) for one in lists]))
    stacked = np.concatenate([np.reshape(one.relations, (-1, 2)) for one in lists])
    mean, scale = stacked.mean(axis=0), np.maximum(stacked.std(axis=0), 1e-9)
    labels = []
    for one in lists:
        relations = np.zeros((len(one.items), history_items, 2))
        told = np.reshape(one.relations, (len(one.items), -1, 2))[:, :history_items]
        relations[:, : told.shape[1]] = (told - mean) / scale
        beliefs = (np.array(one.beliefs) - middle) / spread
        labels.append([*beliefs.tolist(), *relations.ravel().tolist()])
    return Rows.from_dict(
        {
            "context": [context_key(one.history) for one in lists],
            "items": [list(one.items) for one in lists],
            "label": labels,
        }
    )
