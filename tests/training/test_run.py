"""The standard run on a tiny model: candidate lists, negatives, a loss of sentence-transformers. It learns, repeats
itself, goes on after a kill, keeps its best checkpoint, and refuses what it cannot do."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.training.histories import oldest_first
from tests.training.popular_lists import popular_lists
from tests.training.run_tiny import TABLES, same, short, tiny_config, train_tiny
from training.data.tables import Tables
from training.errors import ConfigInvalid, Leak, TrainingError
from training.examples.example import read_examples
from training.fit import trainer
from training.fit.alignment import AlignmentLoss
from training.fit.distillation import DistilLoss
from training.fit.selection import METRIC, ListEvaluator, selection_lists
from training.fit.trainer import last_checkpoint
from training.lists.candidate_list import CandidateList
from training.model.cross_encoder import PairCrossEncoder, encoder_of, open_cross_encoder, without_dropout
from training.model.pair_table import context_key
from training.model.references import whole
from training.options.config import AlignOptions, ListOptions, TrainingConfig
from training.options.fit import AugmentOptions, SelectOptions, TeacherOptions
from training.options.text import TextOptions
from training.protocol.dataset import Dataset, Phase
from training.run import Run
from training.run_folder import RunFolder

DATASET = Dataset(TABLES, tiny_config(Path()).protocol)
VALID = popular_lists(DATASET, Phase.VALID)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    return tiny_config(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def trained(config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train_tiny(replace(config, select=SelectOptions(users=20)), tmp_path_factory.mktemp("run") / "standard")


def losses(folder: RunFolder) -> list[float]:
    state = json.loads((folder.root / "fit" / "checkpoint-12" / "trainer_state.json").read_text(encoding="utf-8"))
    return [one["loss"] for one in state["log_history"] if "loss" in one]


def test_the_trained_model_ranks_valid_lists_better_than_before(trained: RunFolder, config: TrainingConfig) -> None:
    table = Run(config, TABLES, trained, lambda _: None, lambda fold: []).pair_table()
    evaluator = ListEvaluator(VALID, depth=40, seed=1)
    before = evaluator.measure(open_cross_encoder(config.base_model, table, 2)).ndcg
    after = evaluator.measure(open_cross_encoder(str(trained.trained_model()), table)).ndcg
    assert after > before + 0.05, f"{before:.3f} to {after:.3f}"


def test_the_best_checkpoint_is_kept(trained: RunFolder, config: TrainingConfig) -> None:
    record = json.loads(trained.record.read_text(encoding="utf-8"))
    newest = last_checkpoint(trained.root / "fit")
    assert newest is not None
    state = json.loads((newest / "trainer_state.json").read_text(encoding="utf-8"))
    told = [one[f"eval_{METRIC}"] for one in state["log_history"] if f"eval_{METRIC}" in one]
    assert len(told) >= 3
    assert record["valid_ndcg@10"] == max(told)
    table = Run(config, TABLES, trained, lambda _: None, lambda fold: []).pair_table()
    model = open_cross_encoder(str(trained.trained_model()), table)
    again = ListEvaluator(selection_lists(VALID, SelectOptions(users=20), config.seed), 100, config.seed)
    assert again(model)[METRIC] == pytest.approx(max(told), abs=1e-6)


def test_examples_hold_no_held_out_positive_of_their_user(trained: RunFolder) -> None:
    held_out = {(case.user_id, target) for fold in Phase for case in DATASET.cases(fold) for target in case.targets}
    examples = read_examples(trained.examples)
    assert len(examples) > 100
    assert not {(one.user_id, one.items[0]) for one in examples} & held_out


def test_two_runs_with_one_seed_have_the_same_losses_and_weights(config: TrainingConfig, tmp_path: Path) -> None:
    first, second = (train_tiny(short(config), tmp_path / name) for name in ("first", "second"))
    assert losses(first) == losses(second)
    assert same(first, second)


def test_another_seed_gives_other_losses(config: TrainingConfig, tmp_path: Path) -> None:
    """The control of the test above."""
    first = train_tiny(short(config), tmp_path / "first")
    assert losses(first) != losses(train_tiny(replace(short(config), seed=6), tmp_path / "second"))


def test_a_checkpoint_that_is_not_whole_is_passed_over(tmp_path: Path) -> None:
    for name, state in (("checkpoint-4", "{}"), ("checkpoint-8", '{"half'), ("checkpoint-12", None)):
        (tmp_path / name).mkdir()
        if state is not None:
            (tmp_path / name / "trainer_state.json").write_text(state, encoding="utf-8")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    assert last_checkpoint(tmp_path / "none") is None


def test_a_student_learns_the_logits_of_its_teacher(trained: RunFolder, config: TrainingConfig, tmp_path: Path) -> None:
    teacher = TeacherOptions(str(trained.trained_model()))
    augment = AugmentOptions(field_dropout=0.3)
    student = replace(short(config), layers=1, teacher=teacher, augment=augment)
    folder = train_tiny(replace(student, fit=replace(student.fit, loss="margin_mse")), tmp_path / "student")
    examples = read_examples(folder.examples)
    table = Run(config, TABLES, trained, lambda _: None, lambda fold: []).pair_table()
    model = open_cross_encoder(teacher.model, table)
    one = examples[0]
    logits = model.predict([("\x1f".join(one.history.map(whole).oldest_first), whole(item)) for item in one.items])
    assert one.labels == pytest.approx(logits.tolist(), abs=1e-5)
    assert json.loads((folder.model / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == 1


def test_a_teacher_that_was_never_trained_is_refused(config: TrainingConfig, tmp_path: Path) -> None:
    wrong = replace(config, teacher=TeacherOptions(str(tmp_path)))
    with pytest.raises(ConfigInvalid, match="holds no trained model"):
        train_tiny(wrong, tmp_path / "run")
    assert not (tmp_path / "run" / "examples.jsonl").exists()


def test_a_folder_belongs_to_the_configuration_it_was_begun_with(trained: RunFolder, config: TrainingConfig) -> None:
    with pytest.raises(ConfigInvalid, match="begun with another configuration: seed, select changed"):
        train_tiny(replace(config, seed=99), trained.root)


def test_a_folder_belongs_to_the_tables_it_was_begun_with(trained: RunFolder, config: TrainingConfig) -> None:
    begun_with = replace(config, select=SelectOptions(users=20))
    other = Tables(TABLES.items, TABLES.interactions[:-1])
    with pytest.raises(ConfigInvalid, match="begun with other tables"):
        Run(begun_with, other, trained, lambda _: None, lambda fold: VALID).train()
    assert Run(begun_with, TABLES, trained, lambda _: None, lambda fold: VALID).train() == trained.model


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"align": AlignOptions(steps=1), "lists": ListOptions(min_history=500)},
            r"no user has a positive with 500 \(lists.min_history\) others before it",
        ),
        ({"base_model": "no such model"}, "'no such model' is neither a folder nor a name of the form owner/model"),
        ({"text": TextOptions(item_tokens=2000)}, "the model reads at most .*: text.context_tokens, text.item_tokens"),
    ],
)
def test_what_cannot_be_trained_is_told_before_the_first_step(
    config: TrainingConfig, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(TrainingError, match=told):
        train_tiny(replace(config, **changes), tmp_path / "run")


def test_a_list_of_a_later_fold_is_refused(config: TrainingConfig, tmp_path: Path) -> None:
    run = Run(config, TABLES, RunFolder(tmp_path / "run"), lambda _: None, lambda fold: VALID)
    with pytest.raises(Leak, match="a valid target"):
        run.train()


@pytest.mark.parametrize(("wanted", "instructions"), [(True, True), (True, False), (False, True)])
def test_every_loss_computes_in_half_precision_where_that_is_wanted_and_the_processor_can(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, instructions: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": instructions})
    seen: set[tuple[str, torch.dtype]] = set()

    def watched(kind: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        def read(loss: AlignmentLoss | DistilLoss, *args: Any, **kwargs: Any) -> Any:
            product = next(one for one in encoder_of(loss.model).modules() if isinstance(one, torch.nn.Linear))
            hook = product.register_forward_hook(lambda _, __, output: seen.add((kind, output.dtype)))
            try:
                return forward(loss, *args, **kwargs)
            finally:
                hook.remove()

        return read

    for kind, loss in (("align", AlignmentLoss), ("distil", DistilLoss)):
        monkeypatch.setattr(loss, "forward", watched(kind, loss.forward))
    short = replace(config.fit, loss="distil", lists=8)
    steps = replace(config, align=replace(config.align, steps=2, batch=8), fit=short, bf16=wanted)
    told: list[str] = []
    run = Run(steps, TABLES, RunFolder(tmp_path / "run"), told.append, lambda fold: VALID)
    run.train()
    precision = torch.bfloat16 if wanted and instructions else torch.float32
    assert seen == {("align", precision), ("distil", precision)}
    assert json.loads(run.folder.record.read_text())["bfloat16_products"] is (wanted and instructions)
    assert any("training in fp32" in line for line in told) is (wanted and not instructions)


def test_steps_without_dropout_on_a_cpu_compute_attention_plainly(config: TrainingConfig, tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []

    class Watched(trainer._Trainer):
        def training_step(self, model: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            dropouts = [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
            assert isinstance(self.model, PairCrossEncoder)
            seen.append((encoder_of(self.model).config._attn_implementation, max(dropouts)))
            return super().training_step(model, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trainer, "_Trainer", Watched)
        quick = replace(short(config), fit=replace(short(config).fit, lists=16, dropout=False))
        train_tiny(replace(quick, align=replace(config.align, steps=2, batch=8)), tmp_path / "run")
    assert seen == [("eager", 0.0)] * 4  # two of align, two of the fit


@pytest.mark.parametrize("layers", [1, 2])
def test_align_reads_in_chunks_what_it_reads_at_once(config: TrainingConfig, tmp_path: Path, layers: int) -> None:
    run = Run(config, TABLES, RunFolder(tmp_path / "run"), lambda _: None, lambda fold: VALID)
    model = without_dropout(open_cross_encoder(config.base_model, run.pair_table(), layers))
    item_ids = [item.item_id for item in DATASET.items]
    loss = AlignmentLoss(model, item_ids, np.ones((len(item_ids), 4), np.float32))
    keys = [context_key(oldest_first(*item_ids[start : start + 1 + start % 3])) for start in range(8)]
    parts = []
    for model.chunk_pairs in (0, 3):
        parts.append(loss([keys, item_ids[20:28]], torch.linspace(-1, 1, 8)))
    for name, whole_part in parts[0].items():
        # Histories differ in length: of places a chunk's mean counts by its pairs.
        torch.testing.assert_close(parts[1][name], whole_part, rtol=0.05 if name == "place" else 1e-4, atol=0)


def test_a_constant_scorer_gains_nothing_from_the_order_of_the_first_stage() -> None:
    class Constant:
        def predict(self, pairs: Sequence[tuple[str, str]], **_: object) -> npt.NDArray[np.float32]:
            return np.zeros(len(pairs), np.float32)

    first = [
        replace(one, candidates=tuple(sorted(one.candidates, key=lambda each: each.item_id not in one.targets)))
        for one in VALID
    ]
    perfect: list[CandidateList] = [one for one in first if one.candidates[0].item_id in one.targets]
    assert len(perfect) > 10
    values = [ListEvaluator(perfect, 40, seed)(Constant())[METRIC] for seed in range(10)]
    assert np.mean(values) < 0.3, "the targets stand first in every list"


def test_an_order_that_knows_the_targets_is_perfect() -> None:
    targets = {("\x1f".join(one.history.oldest_first), target) for one in VALID for target in one.targets}

    class Oracle:
        def predict(self, pairs: Sequence[tuple[str, str]], **_: object) -> npt.NDArray[np.float32]:
            return np.array([float(pair in targets) for pair in pairs])

    whole_lists = [one for one in VALID if set(one.targets) <= {each.item_id for each in one.candidates}]
    assert ListEvaluator(whole_lists, 100, 1)(Oracle())[METRIC] == 1.0
