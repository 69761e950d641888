"""Representation alignment: a warm-up in which the encoder learns to regress the item embeddings of a train-only first
stage (training/first_stage/cooccurrence.py), before any ranking loss.

A list label says one number about twelve pairs; memorising a catalogue through it takes millions. Here every sequence
teaches the vectors of all the items that it names, and the soft label of its pair.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from datasets import Dataset as Rows
from torch import Tensor, nn

from training.fit.distillation_lists import ListMaker, Position
from training.model.cross_encoder import PairCrossEncoder, encoder_of
from training.model.pair_table import context_key
from training.options.config import AlignOptions

RECENCY = 0.8
"""How much less each older history item counts in the history's vector."""


class AlignmentLoss(nn.Module):
    """The loss of a batch of B pairs, in three parts that the trainer adds up. The distance of a guess from an item's
    vector is 1 - their cosine, averaged over the items that have one; V is the width of the vectors.

    * ``place``: after every layer but the last (of a model of one layer: before it), the mean state of the tokens that
      spell an item, projected to [V], against the item's vector, so that the layers above can compare items; summed
      over those layers;
    * ``reading``: 0.3 times the distances of two projections of the last layer's first token, one against the mean of
      the history's vectors (the newest counts 1, each older one RECENCY times as much), one against the candidate's;
    * ``soft_label``: the mean of (logit - label)², the label being the teacher's standardised score of the pair.

    ``vectors`` [items, V]: unit vectors in the order of ``item_ids``, zero where there is none: such items are left
    out. ``inputs`` are the columns of alignment_rows: B context keys and B item ids; ``labels`` [B]. A pair whose logit
    is its label and whose states lead to the vectors loses nothing. Raises KeyError for an item that is not in
    ``item_ids``. The projections are not part of a checkpoint: a resumed step learns them again.
    """

    def __init__(self, model: PairCrossEncoder, item_ids: Sequence[str], vectors: npt.NDArray[np.float32]) -> None:
        super().__init__()
        self.model = model
        self._table = model.pair_table
        self._rows = {item_id: row for row, item_id in enumerate(item_ids)}
        config = encoder_of(model).config
        width, vector_width = config.hidden_size, vectors.shape[1]
        self._layers = range(min(1, config.num_hidden_layers - 1), config.num_hidden_layers)
        self._vectors: Tensor
        self.register_buffer("_vectors", torch.from_numpy(vectors), persistent=False)  # goes where the loss goes
        self.project_places = nn.ModuleList(nn.Linear(width, vector_width) for _ in self._layers)
        self.project_history = nn.Linear(width, vector_width)
        self.project_item = nn.Linear(width, vector_width)

    def forward(self, inputs: list[list[str]], labels: Tensor, **_: object) -> dict[str, Tensor]:
        """The parts of the loss, each a mean over the batch, which is read in chunks of the model's ``chunk_pairs``."""
        pairs = list(zip(*inputs, strict=True))
        parts: dict[str, Tensor] = {}
        for rows in self._chunks(pairs):
            for name, part in self._parts([pairs[row] for row in rows], labels[rows].float()).items():
                parts[name] = parts.get(name, torch.zeros(())) + part * (len(rows) / len(pairs))
        return parts

    def _chunks(self, pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
        """Rows of pairs of similar length."""
        size = self.model.chunk_pairs or len(pairs)
        lengths = [len(self._table.encode(*pair).token_ids) for pair in pairs]
        order = sorted(range(len(pairs)), key=lengths.__getitem__)
        return [order[start : start + size] for start in range(0, len(order), size)]

    def _parts(self, pairs: Sequence[tuple[str, str]], labels_b: Tensor) -> dict[str, Tensor]:
        logits_b, states = self.model.read(pairs)
        spans = [self._table.spans(key, item_id) for key, item_id in pairs]
        first_bh = states[-1][:, 0].float()
        reading = _distance(self.project_history(first_bh), self._history_vectors(spans))
        reading = reading + _distance(self.project_item(first_bh), self._vectors_of([span[-1][0] for span in spans]))
        soft_label = (logits_b - labels_b).square().mean()
        return {"place": self._place(states, spans), "reading": 0.3 * reading, "soft_label": soft_label}

    def _place(self, states: Sequence[Tensor], spans: Sequence[Sequence[tuple[str, int, int]]]) -> Tensor:
        """Distance of every span's mean state from its item's vector, summed over the lower layers."""
        flat = [(row, *span) for row, found in enumerate(spans) for span in found]
        span_bt = torch.full(states[0].shape[:2], -1, device=self._vectors.device)
        for number, (row, _, start, stop) in enumerate(flat):
            span_bt[row, start:stop] = number
        named = span_bt >= 0
        wanted_sv = self._vectors_of([name for _, name, _, _ in flat])
        lengths_s = torch.bincount(span_bt[named], minlength=len(flat)).clamp(min=1)
        distance = span_bt.new_zeros((), dtype=torch.float32)
        for layer, project in zip(self._layers, self.project_places, strict=True):
            states_nh = states[layer][named].float()
            sums_sh = states_nh.new_zeros(len(flat), states_nh.shape[1]).index_add(0, span_bt[named], states_nh)
            distance = distance + _distance(project(sums_sh / lengths_s[:, None]), wanted_sv)
        return distance

    def _history_vectors(self, spans: Sequence[Sequence[tuple[str, int, int]]]) -> Tensor:
        """The decayed mean of each history's item vectors."""
        rows = []
        for found in spans:
            vectors_kv = self._vectors_of([name for name, _, _ in found[:-1]])
            decay_k = RECENCY ** torch.arange(len(vectors_kv), device=vectors_kv.device)
            rows.append((vectors_kv * decay_k[:, None]).sum(dim=0))
        return torch.stack(rows)

    def _vectors_of(self, item_ids: Sequence[str]) -> Tensor:
        return self._vectors[torch.tensor([self._rows[item_id] for item_id in item_ids], dtype=torch.long)]


def _distance(guesses: Tensor, wanted: Tensor) -> Tensor:
    """1 - mean cosine over the rows whose wanted vector is known (not zero)."""
    known = wanted.abs().sum(dim=1) > 0
    closeness = nn.functional.cosine_similarity(guesses[known], wanted[known])
    return 1 - closeness.sum() / max(1, int(known.sum()))


def alignment_rows(maker: ListMaker, positions: Sequence[Position], options: AlignOptions) -> Rows:
    """``steps * batch`` rows of ``context``, ``item`` and ``label``: four items per history, which the teacher scores
    high and low. Labels are standardised over all rows."""
    samples = []
    for number in range(options.steps * options.batch // 4):
        samples += maker.soft_labels(positions[number % len(positions)])
    scores = np.array([sample.score for sample in samples])
    labels = (scores - scores.mean()) / max(float(scores.std()), 1e-9)
    return Rows.from_dict(
        {
            "context": [context_key(sample.history) for sample in samples],
            "item": [sample.item_id for sample in samples],
            "label": labels.tolist(),
        }
    )
