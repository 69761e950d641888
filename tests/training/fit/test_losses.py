"""Every loss learns: a tiny seeded model that is trained on a few lists puts their positives first."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
import torch

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from tests.training.tiny_model import save_tiny_model
from training.examples.example import RankingExample
from training.examples.maker import example_rows
from training.fit.losses import make_loss
from training.model.cross_encoder import PairCrossEncoder, open_cross_encoder
from training.model.pair_table import PairTable, context_key
from training.options.config import TrainingConfig
from training.options.fit import LOSSES, FitOptions, Loss
from training.options.text import TextOptions

FIELDS = {item.item_id: item.fields for item in synthetic_tables(users=1, items=24, events=6).items}
STANDARD = [name for name in LOSSES if name != "distil"]
EXAMPLES = [
    RankingExample(oldest_first("i0", "i4"), ("i8", "i1", "i2", "i3"), (1.0, 0.0, 0.0, 0.0)),
    RankingExample(oldest_first("i1", "i5"), ("i9", "i4", "i6", "i7"), (1.0, 0.0, 0.0, 0.0)),
    RankingExample(oldest_first("i2", "i6"), ("i10", "i8", "i9", "i11"), (1.0, 0.0, 0.0, 0.0)),
    RankingExample(oldest_first("i3"), ("i7", "i12", "i13", "i14"), (1.0, 0.0, 0.0, 0.0)),
]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> PairTable:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_tiny_model(folder, [" ".join(fields.values()) for fields in FIELDS.values()])
    config = TrainingConfig(name="tiny", base_model=str(folder), text=TextOptions(4, ("title",), 6, 28, ("title",), 10))
    return PairTable(PairEncoder(config.encoding(), open_tokenizer(folder / "tokenizer.json")), FIELDS)


@pytest.fixture
def model(table: PairTable, tmp_path_factory: pytest.TempPathFactory) -> PairCrossEncoder:
    folder = save_tiny_model(
        tmp_path_factory.mktemp("fresh") / "tiny", [" ".join(fields.values()) for fields in FIELDS.values()]
    )
    torch.manual_seed(2)
    opened = open_cross_encoder(str(folder), table, 2)
    opened.chunk_pairs = 3
    return opened


def batch_of(examples: list[RankingExample]) -> tuple[list[list[object]], list[torch.Tensor]]:
    """As the trainer's collator hands it over."""
    rows = example_rows(examples)
    return [list(rows["context"]), list(rows["items"])], [torch.tensor(label) for label in rows["label"]]


def logits_of(model: PairCrossEncoder, example: RankingExample) -> npt.NDArray[np.float32]:
    return model.predict([(context_key(example.history), item_id) for item_id in example.items])


@pytest.mark.parametrize("name", STANDARD)
def test_a_few_lists_are_learned_by_heart(name: Loss, model: PairCrossEncoder) -> None:
    loss = make_loss(model, FitOptions(loss=name, positive_weight=3.0))
    inputs, labels = batch_of(EXAMPLES)
    optimizer = torch.optim.AdamW(loss.parameters(), lr=1e-3)
    model.eval()  # no dropout: 16 pairs are to be learned by heart
    values = []
    for _ in range(120):
        optimizer.zero_grad()
        value = loss(inputs, labels, prompt=None, task=None)
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < values[0], values
    for example in EXAMPLES:
        assert int(np.argmax(logits_of(model, example))) == 0, f"{name}: {example}"


@pytest.mark.parametrize("name", STANDARD)
def test_the_parameters_of_a_loss_are_those_of_the_model_each_once(name: Loss, model: PairCrossEncoder) -> None:
    loss = make_loss(model, FitOptions(loss=name))
    assert {id(one) for one in loss.parameters()} == {id(one) for one in model.parameters()}
    assert all(key.startswith("model.") for key, _ in loss.named_parameters())


def test_margins_of_a_teacher_are_copied_and_levels_are_free(model: PairCrossEncoder) -> None:
    model.eval()
    loss = make_loss(model, FitOptions(loss="margin_mse"))
    logits = logits_of(model, EXAMPLES[0])
    shifted = [torch.tensor((logits + 3).tolist())]
    inputs, _ = batch_of(EXAMPLES[:1])
    with torch.no_grad():
        assert float(loss(inputs, shifted)) == pytest.approx(0, abs=1e-10)
        assert float(loss(inputs, [-shifted[0]])) > 0


def listnet_by_hand(logits: npt.NDArray[np.float32], target: npt.NDArray[np.float64]) -> float:
    return float(-(target * (logits - np.log(np.exp(logits).sum()))).sum())


def test_listnet_wants_all_of_the_probability_for_the_positives(model: PairCrossEncoder) -> None:
    model.eval()
    inputs, labels = batch_of(EXAMPLES[:1])
    logits = logits_of(model, EXAMPLES[0])
    with torch.no_grad():
        value = float(make_loss(model, FitOptions(loss="listnet"))(inputs, labels))
    assert value == pytest.approx(listnet_by_hand(logits, np.array([1.0, 0, 0, 0])), abs=1e-5)


def test_two_positives_of_a_list_share_what_listnet_wants(model: PairCrossEncoder) -> None:
    model.eval()
    both = RankingExample(EXAMPLES[0].history, EXAMPLES[0].items, (1.0, 1.0, 0.0, 0.0))
    with torch.no_grad():
        value = float(make_loss(model, FitOptions(loss="listnet"))(*batch_of([both])))
    assert value == pytest.approx(listnet_by_hand(logits_of(model, both), np.array([0.5, 0.5, 0, 0])), abs=1e-5)


def test_listnet_reaches_a_teachers_beliefs_and_no_more(model: PairCrossEncoder) -> None:
    model.eval()
    logits = logits_of(model, EXAMPLES[0])
    beliefs = np.exp(logits) / np.exp(logits).sum()
    inputs, _ = batch_of(EXAMPLES[:1])
    loss = make_loss(model, FitOptions(loss="listnet"), taught=True)
    value = loss(inputs, [torch.tensor(logits.tolist())])
    assert float(value.detach()) == pytest.approx(float(-(beliefs * np.log(beliefs)).sum()), abs=1e-5)
    value.backward()
    largest = max(float(one.grad.abs().max()) for one in model.parameters() if one.grad is not None)
    assert largest < 1e-5, "nothing is left to learn"


def test_plistmle_reads_the_order_of_the_labels_not_of_the_items(model: PairCrossEncoder) -> None:
    model.eval()
    loss = make_loss(model, FitOptions(loss="plistmle"))
    items, labels = EXAMPLES[0].items, (4.0, 3.0, -2.0, -7.0)
    values = []
    with torch.no_grad():
        for order in ((0, 1, 2, 3), (3, 1, 0, 2)):
            moved = tuple(items[place] for place in order), tuple(labels[place] for place in order)
            values.append(float(loss(*batch_of([RankingExample(EXAMPLES[0].history, *moved)]))))
        other = float(loss(*batch_of([RankingExample(EXAMPLES[0].history, items, labels[::-1])])))
    assert values[0] == pytest.approx(values[1], abs=1e-6)
    assert other != pytest.approx(values[0], abs=1e-6), "a teacher's labels have an effect"


def test_plistmle_learns_no_order_of_equal_labels(model: PairCrossEncoder) -> None:
    model.eval()
    loss = make_loss(model, FitOptions(loss="plistmle"))
    with torch.no_grad():
        values = {round(float(loss(*batch_of(EXAMPLES[:1]))), 6) for _ in range(20)}
    assert len(values) > 1


def test_lists_of_different_lengths_share_a_batch(model: PairCrossEncoder) -> None:
    short = RankingExample(oldest_first("i3"), ("i7", "i12"), (1.0, 0.0))
    for name in STANDARD:
        value = make_loss(model, FitOptions(loss=name))(*batch_of([*EXAMPLES[:2], short]))
        assert torch.isfinite(value), name


def test_chunks_of_similar_length_give_the_same_logits_in_the_same_order(model: PairCrossEncoder) -> None:
    model.eval()
    pairs = [(context_key(one.history), item) for one, item in itertools.product(EXAMPLES, EXAMPLES[0].items)]
    whole = model.preprocess(pairs)
    scores = {}
    with torch.no_grad():
        for chunk in (0, 1, 3, 5, 100):
            model.chunk_pairs = chunk
            scores[chunk] = model(dict(whole))["scores"]
    for chunk, values in scores.items():
        assert values.shape == (len(pairs), 1)
        assert torch.allclose(values, scores[0], atol=1e-5), chunk


def test_no_chunk_is_padded_beyond_its_own_longest_pair(
    model: PairCrossEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = []
    inside = model.transformers_model
    assert inside is not None
    forward = inside.forward

    def watched(*args: object, **inputs: torch.Tensor) -> object:
        widths.append((int(inputs["attention_mask"].sum(dim=1).max()), inputs["input_ids"].shape[1]))
        return forward(*args, **inputs)

    monkeypatch.setattr(inside, "forward", watched)
    pairs = [
        (context_key(oldest_first(*history)), "i1") for history in (("i1", "i2", "i3", "i4"), (), ("i1",), ("i2", "i3"))
    ]
    model.chunk_pairs = 1
    model(dict(model.preprocess(pairs)))
    assert len(widths) == 4
    assert all(longest == width for longest, width in widths)
    assert len({width for _, width in widths}) > 1
