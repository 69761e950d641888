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
Columns = Sequence[Sequence[str] | Sequence[Sequence[str]]]
Adapt = Callable[[Lists, Sequence[Tensor]], tuple[Columns, Tensor | Sequence[Tensor]]]


class ListsLoss(nn.Module):
    """A loss of sentence-transformers over whole lists: ``adapt`` makes the columns and labels that it reads."""

    def __init__(self, model: PairCrossEncoder, loss: nn.Module, adapt: Adapt) -> None:
        super().__init__()
        self.model = model  # before the loss: parameters are named once, as the model's
        self.loss = loss
        self._adapt = adapt

    def forward(self, inputs: Lists, labels: Sequence[Tensor], **options: object) -> Tensor:
        """The mean over what the loss compares: pairs, margins or lists."""
        loss: Tensor = self.loss(*self._adapt(inputs, labels), **options)
        return loss


def _pairs(inputs: Lists, labels: Sequence[Tensor]) -> tuple[Columns, Tensor]:
    """Every pair by itself."""
    keys, lists = inputs
    flat_keys = [key for key, items in zip(keys, lists, strict=True) for _ in items]
    return [flat_keys, [item_id for items in lists for item_id in items]], torch.cat(list(labels))


def _margins(inputs: Lists, labels: Sequence[Tensor]) -> tuple[Columns, Sequence[Tensor]]:
    """One column per negative, for the margins between each list's first item and its others: so the lists of a batch
    are cut to the shortest of them."""
    keys, lists = inputs
    shortest = min(len(items) for items in lists)
    columns = [[items[place] for items in lists] for place in range(shortest)]
    return [keys, *columns], [label[:shortest].float() for label in labels]


def _in_order(inputs: Lists, labels: Sequence[Tensor]) -> tuple[Columns, Sequence[Tensor]]:
    """Each list in the order of its labels, for PListMLELoss reads nothing of them but the order that items come in.
    Equal labels come in a new random order every time: there is nothing to learn from it."""
    keys, lists = inputs
    orders = [_best_first(label) for label in labels]
    ordered = [[items[place] for place in order.tolist()] for items, order in zip(lists, orders, strict=True)]
    return [keys, ordered], [label[order] for label, order in zip(labels, orders, strict=True)]


def _best_first(label: Tensor) -> Tensor:
    """[items]: places by falling label, equal ones shuffled."""
    shuffled = torch.randperm(len(label), device=label.device)
    return shuffled[label[shuffled].argsort(descending=True, stable=True)]


def make_loss(model: PairCrossEncoder, options: FitOptions, *, taught: bool = False) -> nn.Module:
    """The loss named in the options; options.LOSSES lists the names. ``taught``: labels are a teacher's logits."""
    certain = 1.0 if taught else CERTAIN
    positive_weight = torch.tensor(options.positive_weight)
    makers: Mapping[str, Callable[[], nn.Module]] = {
        "listnet": lambda: ListsLoss(
            model,
            losses.ListNetLoss(model, mini_batch_size=WHOLE_BATCH),
            lambda inputs, labels: (inputs, [label.float() * certain for label in labels]),
        ),
        "lambda": lambda: losses.LambdaLoss(model, k=options.ndcg_depth or None, mini_batch_size=WHOLE_BATCH),
        "plistmle": lambda: ListsLoss(model, losses.PListMLELoss(model, mini_batch_size=WHOLE_BATCH), _in_order),
        "bce": lambda: ListsLoss(model, losses.BinaryCrossEntropyLoss(model, pos_weight=positive_weight), _pairs),
        "mse": lambda: ListsLoss(model, losses.MSELoss(model), _pairs),
        "margin_mse": lambda: ListsLoss(model, losses.MarginMSELoss(model), _margins),
    }
    return makers[options.loss]()
