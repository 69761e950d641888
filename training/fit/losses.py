"""Losses of the fit: those of sentence-transformers, fed with whole lists. Knows no data set.

Every loss takes a batch of lists: context keys, item references with the positive first, one label per item. The
listwise ones of sentence-transformers read just that; the pointwise and pairwise ones read flat columns, which the
adapters here make. All call the model's own ``preprocess``, hence the served tokens, and one forward pass per batch,
which PairCrossEncoder cuts into chunks of similar length.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from sentence_transformers.cross_encoder import losses
from torch import Tensor, nn

from training.model.cross_encoder import PairCrossEncoder
from training.options.fit import FitOptions

WHOLE_BATCH = -1
"""A mini batch size that sentence-transformers reads as: no mini batches."""

CERTAIN = 30.0
"""ListNetLoss takes the softmax of labels for what to reach: with 1 for a positive and 0 for 11 others that would be
20 % for the positive, and next to nothing would be learned. Times this the positives share all."""

Lists = tuple[Sequence[str], Sequence[Sequence[str]]]


class ListNetLoss(nn.Module):
    """ListNetLoss of labels times ``certain``: 1 where a teacher's logits are the labels."""

    def __init__(self, model: PairCrossEncoder, certain: float) -> None:
        super().__init__()
        self.model = model
        self.lists_loss = losses.ListNetLoss(model, mini_batch_size=WHOLE_BATCH)
        self._certain = certain

    def forward(self, inputs: Lists, labels: Sequence[Tensor], **options: object) -> Tensor:
        """The mean over lists."""
        loss: Tensor = self.lists_loss(inputs, [label.float() * self._certain for label in labels], **options)
        return loss


class PointwiseLoss(nn.Module):
    """A loss of single pairs (BinaryCrossEntropyLoss, MSELoss) over the pairs of all lists."""

    def __init__(self, model: PairCrossEncoder, pairs_loss: nn.Module) -> None:
        super().__init__()
        self.model = model  # before the loss: parameters are named once, as the model's
        self.pairs_loss = pairs_loss

    def forward(self, inputs: Lists, labels: Sequence[Tensor], **options: object) -> Tensor:
        """The mean over pairs."""
        keys, lists = inputs
        flat_keys = [key for key, items in zip(keys, lists, strict=True) for _ in items]
        flat_items = [item_id for items in lists for item_id in items]
        loss: Tensor = self.pairs_loss([flat_keys, flat_items], torch.cat(list(labels)), **options)
        return loss


class MarginLoss(nn.Module):
    """MarginMSELoss over the margins between each list's first item and its others.

    It reads one column per negative, so lists of a batch are cut to the shortest of them.
    """

    def __init__(self, model: PairCrossEncoder) -> None:
        super().__init__()
        self.model = model
        self.columns_loss = losses.MarginMSELoss(model)

    def forward(self, inputs: Lists, labels: Sequence[Tensor], **options: object) -> Tensor:
        """The mean over margins."""
        keys, lists = inputs
        shortest = min(len(items) for items in lists)
        columns = [[items[place] for items in lists] for place in range(shortest)]
        loss: Tensor = self.columns_loss([keys, *columns], [label[:shortest].float() for label in labels], **options)
        return loss


class OrderLoss(nn.Module):
    """PListMLELoss over each list in the order of its labels, for that loss reads nothing of them but the order that
    items come in. Equal labels come in a new random order every time: there is nothing to learn from it."""

    def __init__(self, model: PairCrossEncoder) -> None:
        super().__init__()
        self.model = model
        self.list_loss = losses.PListMLELoss(model, mini_batch_size=WHOLE_BATCH)

    def forward(self, inputs: Lists, labels: Sequence[Tensor], **options: object) -> Tensor:
        """The mean over lists."""
        keys, lists = inputs
        orders = [_best_first(label) for label in labels]
        ordered = [[items[place] for place in order.tolist()] for items, order in zip(lists, orders, strict=True)]
        sorted_labels = [label[order] for label, order in zip(labels, orders, strict=True)]
        loss: Tensor = self.list_loss([keys, ordered], sorted_labels, **options)
        return loss


def _best_first(label: Tensor) -> Tensor:
    """[items]: places by falling label, equal ones shuffled."""
    shuffled = torch.randperm(len(label), device=label.device)
    return shuffled[label[shuffled].argsort(descending=True, stable=True)]


def make_loss(model: PairCrossEncoder, options: FitOptions, *, taught: bool = False) -> nn.Module:
    """The loss named in the options; options.LOSSES lists the names. ``taught``: labels are a teacher's logits."""
    positive_weight = torch.tensor(options.positive_weight)
    makers: Mapping[str, Callable[[], nn.Module]] = {
        "listnet": lambda: ListNetLoss(model, 1.0 if taught else CERTAIN),
        "lambda": lambda: losses.LambdaLoss(model, k=options.ndcg_depth or None, mini_batch_size=WHOLE_BATCH),
        "plistmle": lambda: OrderLoss(model),
        "bce": lambda: PointwiseLoss(model, losses.BinaryCrossEntropyLoss(model, pos_weight=positive_weight)),
        "mse": lambda: PointwiseLoss(model, losses.MSELoss(model)),
        "margin_mse": lambda: MarginLoss(model),
    }
    return makers[options.loss]()
