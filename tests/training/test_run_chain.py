"""The whole training on a tiny model and a made-up world: it learns, it resumes, it trains on what will be served."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields
from gateway.encoding.tokenizer import open_tokenizer
from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from tests.training.tiny_model import save_tiny_model
from training.errors import Leak, RunIncomplete
from training.fit import distillation, trainer
from training.fit.alignment import AlignmentLoss
from training.fit.distillation import DistilLoss
from training.fit.distillation_lists import TrainingList
from training.fit.distillation_steps import DistillationSteps
from training.lists.candidate_list import CandidateList
from training.model.cross_encoder import open_cross_encoder, tokenizer_path, without_dropout
from training.model.pair_table import PairTable, context_key, padded
from training.options.config import AlignOptions, ListOptions, TrainingConfig
from training.options.fit import FitOptions
from training.options.protocol import Protocol
from training.options.text import TextOptions
from training.protocol.dataset import Dataset, Phase
from training.run import Run
from training.run_folder import RunFolder

TABLES = synthetic_tables()
FIELDS = {item.item_id: item.fields for item in TABLES.items}


def quiet(_: str) -> None:
    pass


def no_lists(fold: int) -> list[CandidateList]:
    raise AssertionError(f"the loss distil makes its own lists, and asked for those of fold {fold}")


@pytest.fixture(scope="module")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [" ".join(item.fields.values()) for item in TABLES.items]
    return save_tiny_model(tmp_path_factory.mktemp("model") / "tiny", texts)


@pytest.fixture(scope="module")
def config(base_model: Path) -> TrainingConfig:
    return TrainingConfig(
        name="tiny",
        base_model=str(base_model),
        layers=2,
        seed=5,
        bf16=False,
        protocol=Protocol(min_positives=12, held_out=3),
        text=TextOptions(4, ("title",), 6, 28, ("title", "genre"), 10),
        align=AlignOptions(steps=40, batch=32, learning_rate=3e-3, width=8),
        lists=ListOptions(negatives=5, near=2, near_rank=8, far=2, far_rank=24, min_history=2),
        fit=FitOptions(
            loss="distil", lists=320, settle_lists=40, batch_lists=8, learning_rate=2e-3, save_steps=10, log_steps=5
        ),
    )


@pytest.fixture(scope="module")
def trained(config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = RunFolder(tmp_path_factory.mktemp("run") / "tiny")
    Run(config, TABLES, folder, quiet, no_lists).train()
    return folder


@pytest.fixture
def table(config: TrainingConfig, base_model: Path) -> PairTable:
    encoder = PairEncoder(config.encoding(), open_tokenizer(tokenizer_path(str(base_model))))
    return PairTable(encoder, FIELDS)


def test_the_trained_model_prefers_what_a_user_likes_next(
    trained: RunFolder, table: PairTable, config: TrainingConfig
) -> None:
    model = open_cross_encoder(str(trained.trained_model()), table)
    random = np.random.default_rng(1)
    wins = []
    for case in Dataset(TABLES, config.protocol).cases(Phase.TEST):
        others = [item_id for item_id in FIELDS if item_id not in case.seen and item_id not in case.targets]
        chosen = [case.targets[0], *random.choice(others, size=4, replace=False)]
        logits = model.predict([(context_key(case.history), str(item_id)) for item_id in chosen])
        wins.append(float(np.mean(logits[0] > logits[1:])))
    assert np.mean(wins) > 0.6, f"the liked item beat {np.mean(wins):.2f} of random others"


def test_a_second_start_of_a_finished_run_trains_nothing(
    trained: RunFolder, config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> trainer.Outcome:
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr(trainer, "run_step", refuse)
    assert Run(config, TABLES, trained, quiet, no_lists).train() == trained.model


def test_the_record_tells_configuration_and_losses(trained: RunFolder) -> None:
    record = json.loads(trained.record.read_text(encoding="utf-8"))
    assert record["config"]["seed"] == 5
    assert 0 < record["fit_loss"] < 2
    assert record["align_loss"] > 0
    assert 0 < record["settle_loss"] < record["fit_loss"]


def test_a_run_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunIncomplete, match="crossrank train"):
        RunFolder(tmp_path).trained_model()


def test_lists_of_a_first_stage_that_knows_valid_targets_are_refused(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, folder = Dataset(TABLES, config.protocol), RunFolder(tmp_path / "run")
    folder.begin(config, "a digest")
    case = dataset.cases(Phase.VALID)[2]
    planted = replace(case, targets=(case.history.oldest_first[0],))
    monkeypatch.setattr(dataset, "cases_from", lambda fold: [planted])
    with pytest.raises(Leak, match=f"user {case.user_id}: item {case.history.oldest_first[0]} is to be predicted"):
        DistillationSteps(config, dataset, folder, quiet).training_lists()
    assert not folder.lists.exists()


def test_a_stopped_step_goes_on_from_its_checkpoint(
    config: TrainingConfig, table: PairTable, base_model: Path, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.begin(config, "a digest")
    lists = DistillationSteps(config, Dataset(TABLES, config.protocol), folder, quiet).training_lists()
    rows = distillation.distil_rows(lists[:320], config.text.history_items)
    whole = trainer.Step(rows, 8, 1e-3, {"project_": 1e-2})
    model = open_cross_encoder(str(base_model), table, 2)
    trainer.run_step(model, distillation.DistilLoss(model), whole, config, tmp_path / "steps")
    (tmp_path / "steps" / "checkpoint-40").rename(tmp_path / "last")  # as if it had been stopped before the end
    again = open_cross_encoder(str(base_model), table, 2)
    trainer.run_step(again, distillation.DistilLoss(again), whole, config, tmp_path / "steps")
    resumed = json.loads((tmp_path / "steps" / "checkpoint-40" / "trainer_state.json").read_text())
    assert [one["step"] for one in resumed["log_history"]][-8:] == list(range(5, 41, 5))
    assert resumed["log_history"][0]["loss"] > resumed["log_history"][-1]["loss"]


def test_trained_token_ids_are_the_served_ones(table: PairTable, base_model: Path) -> None:
    model = open_cross_encoder(str(base_model), table, 2)
    pairs = [
        (context_key(oldest_first("i1", "i2", "i3", "i4", "i5")), "i7"),
        (context_key(oldest_first()), "i8"),
    ]
    features = model.preprocess(pairs)
    for row, (key, item_id) in enumerate(pairs):
        history = [FIELDS[one] for one in key.split("\x1f")[::-1]] if key else []
        encoder = table.encoder
        served = encoder.join(
            encoder.encode_context(ContextFields(history=history)), encoder.encode_item(FIELDS[item_id])
        )
        length = int(features["attention_mask"][row].sum())
        assert tuple(features["input_ids"][row, :length].tolist()) == served.token_ids
        assert tuple(features["token_type_ids"][row, :length].tolist()) == served.type_ids


def test_a_prompt_is_refused(table: PairTable, base_model: Path) -> None:
    model = open_cross_encoder(str(base_model), table, 2)
    with pytest.raises(ValueError, match="would not be served"):
        model.preprocess([("", "i1")], prompt="rank: ")


def test_spans_name_the_tokens_of_every_item(table: PairTable) -> None:
    key = context_key(oldest_first("i1", "i2", "i3"))
    token_ids = table.encode(key, "i9").token_ids
    spans = table.spans(key, "i9")
    assert [name for name, _, _ in spans] == ["i3", "i2", "i1", "i9"]
    encoder = table.encoder
    for name, start, stop in spans[:-1]:
        alone = encoder.encode_context(ContextFields(history=[FIELDS[name]])).token_ids
        assert token_ids[start:stop] == alone
    assert token_ids[spans[-1][1] : spans[-1][2]] == encoder.encode_item(FIELDS["i9"])[:10]


def test_spans_leave_out_what_the_history_leaves_out(config: TrainingConfig, table: PairTable) -> None:
    fields = {**FIELDS, "untitled": {"title": "", "genre": "drama"}}
    longer = PairTable(table.encoder, fields)
    spans = longer.spans(context_key(oldest_first("i1", "i2", "untitled")), "i9")
    assert spans == table.spans(context_key(oldest_first("i1", "i2")), "i9")


def test_padding_does_not_change_a_logit(trained: RunFolder, table: PairTable) -> None:
    model = open_cross_encoder(str(trained.trained_model()), table)
    pairs = [
        (context_key(oldest_first("i1", "i2", "i3")), "i7"),
        (context_key(oldest_first()), "i8"),
    ]
    together = model.predict(pairs)
    alone = [float(model.predict([pair])[0]) for pair in pairs]
    assert together.tolist() == pytest.approx(alone, abs=1e-5)


def test_the_alignment_loss_teaches_every_part(config: TrainingConfig, table: PairTable, base_model: Path) -> None:
    model = open_cross_encoder(str(base_model), table, 2)
    random = np.random.default_rng(1)
    vectors = random.normal(size=(len(FIELDS), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[3] = 0
    loss = AlignmentLoss(model, list(FIELDS), vectors)
    keys = [
        context_key(oldest_first("i1", "i2")),
        context_key(oldest_first("i3")),
        context_key(oldest_first()),
    ]
    parts = loss([keys, ["i5", "i6", "i3"]], torch.tensor([1.0, -1.0, 0.0]))
    assert set(parts) == {"place", "reading", "soft_label"}
    sum(parts.values(), torch.zeros(())).backward()
    untouched = {name for name, parameter in loss.named_parameters() if parameter.grad is None}
    assert untouched == set()


def test_the_distilling_loss_is_nothing_when_logits_differ_like_soft_labels(table: PairTable, base_model: Path) -> None:
    model = open_cross_encoder(str(base_model), table, 2).eval()
    key, items = context_key(oldest_first("i1", "i2")), ["i5", "i6", "i7"]
    with torch.no_grad():
        logits = torch.from_numpy(model.predict([(key, item_id) for item_id in items]))
        relations = torch.zeros(3 * 2 * 2)
        same = DistilLoss(model)([[key], [items]], [torch.cat([logits + 5, relations])])
        other = DistilLoss(model)([[key], [items]], [torch.cat([-100 * logits, relations])])
    assert float(same["inside"]) == pytest.approx(0, abs=1e-8)
    assert float(same["level"]) == pytest.approx(0.1 * 25, rel=1e-4)
    assert float(other["inside"]) > float(same["inside"])


def test_settling_reads_no_relations_and_drops_nothing(table: PairTable, base_model: Path) -> None:
    model = without_dropout(open_cross_encoder(str(base_model), table, 2)).train()
    batch = ([[context_key(oldest_first("i1", "i2"))], [["i5", "i6"]]], [torch.tensor([1.0, -1.0])])
    loss = DistilLoss(model, relations=False)
    first, second = loss(*batch), loss(*batch)
    assert set(first) == {"inside", "level"}
    assert first["inside"].item() == second["inside"].item()


def test_an_empty_history_has_no_relations(table: PairTable, base_model: Path) -> None:
    model = open_cross_encoder(str(base_model), table, 2)
    parts = DistilLoss(model)([[""], [["i5", "i6"]]], [torch.zeros(2 + 2 * 4 * 2)])
    assert float(parts["relation"]) == 0


def test_the_relations_of_an_item_without_text_are_not_taken_for_those_of_another(
    table: PairTable, base_model: Path
) -> None:
    longer = PairTable(table.encoder, {**FIELDS, "untitled": {"title": ""}})
    model = open_cross_encoder(str(base_model), longer, 2)
    told = torch.zeros(2, 3, 2)
    told[:, 0] = torch.nan  # of the newest item, which the pair does not hold
    labels = torch.cat([torch.zeros(2), told.flatten()])
    parts = DistilLoss(model)([[context_key(oldest_first("i1", "i2", "untitled"))], [["i5", "i6"]]], [labels])
    assert bool(torch.isfinite(parts["relation"]))


def test_rows_pad_the_relations_of_short_histories(config: TrainingConfig) -> None:
    relations = (((0.0, 1.0),), ((2.0, 3.0),))
    one = TrainingList(oldest_first("i1"), ("i2", "i3"), (1.0, -1.0), relations)
    [label] = distillation.distil_rows([one], 3)["label"]
    assert len(label) == 2 + 2 * 3 * 2
    assert label[:2] == [1.0, -1.0]
    assert label[2:8] == [-1.0, -1.0, 0.0, 0.0, 0.0, 0.0]


def test_padded_inputs_are_as_long_as_the_longest_pair(table: PairTable) -> None:
    pairs = [table.encode(context_key(oldest_first("i1", "i2")), "i3"), table.encode("", "i4")]
    inputs = padded(pairs)
    assert inputs["input_ids"].shape == (2, max(len(pair.token_ids) for pair in pairs))
    assert inputs["attention_mask"].sum(axis=1).tolist() == [len(pair.token_ids) for pair in pairs]


def test_training_twice_with_one_seed_gives_the_same_weights(config: TrainingConfig, tmp_path: Path) -> None:
    short = replace(
        config,
        align=replace(config.align, steps=3),
        fit=replace(config.fit, lists=16, settle_lists=8, save_steps=50, log_steps=1),
    )
    weights = []
    for name in ("first", "second"):
        path = Run(short, TABLES, RunFolder(tmp_path / name), quiet, no_lists).train()
        weights.append(AutoModelForSequenceClassification.from_pretrained(path).state_dict())
    assert all(torch.equal(values, weights[1][name]) for name, values in weights[0].items())
