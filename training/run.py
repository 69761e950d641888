"""One training run in one folder: candidate lists, examples, an optional align step and teacher, fit. Each step leaves
files; a second start goes on where the first one stopped."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState
from sentence_transformers import SentenceTransformer

from gateway.domain.files import replace_json
from gateway.domain.progress import Say
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import render_item
from gateway.encoding.tokenizer import open_tokenizer
from training.data.digest import tables_digest
from training.data.tables import Tables
from training.device import best_device, computes_bfloat16
from training.errors import ConfigInvalid
from training.examples.example import RankingExample, read_examples, write_examples
from training.examples.maker import ExampleMaker, example_rows, known_to_training
from training.examples.near_duplicates import NO_LOOKALIKES, SemanticNeighbors, find_lookalikes
from training.export.graph.export import longest_input
from training.fit import trainer
from training.fit.distillation_steps import DistillationSteps
from training.fit.losses import make_loss
from training.fit.model_teacher import labelled_by_teacher, share_with_positive
from training.fit.selection import ListEvaluator, selection_lists
from training.importing.text import check_budget
from training.lists.candidate_list import CandidateList
from training.model.cross_encoder import (
    PairCrossEncoder,
    base_model_path,
    encoder_of,
    open_cross_encoder,
    tokenizer_path,
    without_dropout,
)
from training.model.pair_table import PairTable
from training.options.config import TrainingConfig
from training.options.fit import DISTIL
from training.protocol.dataset import Dataset, Phase
from training.protocol.leaks import check_training
from training.ranker.teacher import rank_by_fusion
from training.run_folder import RunFolder

ListsOfFold = Callable[[int], Sequence[CandidateList]]
"""The candidate lists of a fold (0: test, 1: valid, higher: for training)."""

PATIENCE = timedelta(days=7)
"""How long a process waits for the first one, which makes lists and a teacher; torch gives up after half an hour."""


class Run:
    """Trains one configuration on one data set. Under torchrun every process has one; the first one writes."""

    def __init__(
        self, config: TrainingConfig, tables: Tables, folder: RunFolder, say: Say, lists_of_fold: ListsOfFold
    ) -> None:
        self.config = config
        self._tables = tables
        self.dataset = Dataset(tables, config.protocol)
        self.folder = folder
        self._say = say
        self._lists_of_fold = lists_of_fold
        self._distillation = DistillationSteps(config, self.dataset, folder, say)
        self._processes = PartialState(cpu=best_device(config.device) == "cpu", timeout=PATIENCE)

    def prepare(self) -> None:
        """What one process does, kept in the run's folder: align, and the lists that the fit learns from."""
        self._check()
        _set_up_torch(self.config)
        model = self._start()
        if self.config.fit.loss == DISTIL:
            self._distillation.training_lists()
        else:
            self.examples(model.pair_table)

    def train(self) -> Path:
        """All steps; returns the folder of the trained model."""
        self._check()
        _set_up_torch(self.config)  # first: what is trained already is measured in this process, too
        if self.folder.model.is_dir():
            self._say(f"{self.folder.model} is trained already")
            return self.folder.model
        if self.config.bf16 and not self._in_bfloat16():
            self._say("no instructions for products of bfloat16 here: training in fp32")
        model = self._start()
        if self.config.fit.loss == DISTIL:
            fitted, settled = self._distillation.distil(model)
            numbers = {"fit_loss": fitted, "settle_loss": settled}
        else:
            numbers = self._fit(model)
        self._record(numbers)  # before the model: where that is, nothing is done again
        self._save(model, self.folder.model)
        return self.folder.model

    def examples(self, table: PairTable) -> list[RankingExample]:
        """The examples to train on, made once, labelled by the teacher if there is one, kept in the run's folder."""
        with self._processes.main_process_first():
            if self.folder.examples.is_file():
                return read_examples(self.folder.examples)
            teacher = self.config.teacher
            knowledge = known_to_training(self.dataset, self._lookalikes())
            examples = ExampleMaker(self.config, knowledge).make(self._training_lists())
            if teacher.model:
                self._say(f"teacher: {teacher.model} labels {len(examples)} lists")
                examples = labelled_by_teacher(examples, teacher.model, table, best_device(self.config.device))
            if teacher.teaches and teacher.share < 1:
                examples = share_with_positive(examples, teacher.share)
            write_examples(self.folder.examples, examples)
            return examples

    def pair_table(self) -> PairTable:
        """The encoding of this run over all items."""
        tokenizer = open_tokenizer(tokenizer_path(base_model_path(self.config.base_model)))
        return PairTable(PairEncoder(self.config.encoding(), tokenizer), self.dataset.fields)

    def _training_lists(self) -> list[CandidateList]:
        """Of all training folds, in the order of the first stage, or of the fusion that teaches."""
        folds = {fold: self._lists_of_fold(fold) for fold in self._training_folds()}
        lists = [one for found in folds.values() for one in found]
        check_training(lists, self.dataset)
        return rank_by_fusion(folds, self.config, self.dataset, self._say) if self.config.teacher.fusion else lists

    def _training_folds(self) -> range:
        """Folds 2 to ``fit.folds`` + 1, as far as any user has them."""
        deepest = max((self.dataset.folds(user_id) for user_id in self.dataset.users), default=0)
        wanted = self.config.fit.folds or deepest
        return range(Phase.VALID + 1, min(deepest, Phase.VALID + 1 + wanted))

    def _lookalikes(self) -> SemanticNeighbors:
        """Of the catalogue, when the configuration wants any."""
        options, spec = self.config.negatives, self.config.encoding().item
        if options.duplicate_similarity is None:
            return NO_LOOKALIKES
        texts = {item_id: render_item(spec, fields) for item_id, fields in self.dataset.fields.items()}
        self._say(f"semantic_neighbors of {len(texts)} items")
        device = best_device(self.config.device)
        embedder = SentenceTransformer(base_model_path(self.config.base_model), device=device)
        return find_lookalikes(texts, embedder, options.duplicate_similarity)

    def _check(self) -> None:
        self.dataset.require_users()
        self.config.text.require_columns(self.dataset.columns)
        with self._processes.main_process_first():
            self.folder.begin(self.config, tables_digest(self._tables))
        aligns = self.config.align.steps > 0 and not self.folder.aligned.is_dir()
        if (aligns or self.config.fit.loss == DISTIL) and self._processes.num_processes > 1:
            raise ConfigInvalid(
                f"align and the loss {DISTIL!r} run in one process, not in {self._processes.num_processes}",
                "run crossrank train --prepare first, without torchrun; or set align.steps = 0, or another fit.loss",
            )

    def _start(self) -> PairCrossEncoder:
        """The base model, aligned when the configuration wants it; kept in the run's folder then."""
        config, table, device = self.config, self.pair_table(), best_device(self.config.device)
        if self.folder.aligned.is_dir():
            return open_cross_encoder(str(self.folder.aligned), table, device=device)
        model = open_cross_encoder(base_model_path(config.base_model), table, config.layers, device)
        check_budget(table.encoder, longest_input(encoder_of(model)), "text.context_tokens, text.item_tokens")
        if config.align.steps:
            self._record({"align_loss": self._distillation.align(model)})
            self._save(model, self.folder.aligned)
        return model

    def _fit(self, model: PairCrossEncoder) -> dict[str, float]:
        options, select = self.config.fit, self.config.select
        examples = self.examples(model.pair_table)
        pairs = sum(len(one.items) for one in examples)
        self._say(f"fit: {options.loss}, {len(examples)} lists, {pairs} pairs")
        valid = None
        if select.users:
            chosen = selection_lists(self._lists_of_fold(Phase.VALID), select, self.config.seed)
            valid = ListEvaluator(chosen, select.depth, self.config.seed)
        faster = {"pooler|classifier": options.head_rate * options.learning_rate}
        step = trainer.Step(example_rows(examples), options.batch_lists, options.learning_rate, faster, valid)
        loss = make_loss(
            model if options.dropout else without_dropout(model), options, taught=self.config.teacher.teaches
        )
        outcome = trainer.run_step(model, loss, step, self.config, self.folder.root / "fit")
        best = {} if outcome.best is None else {"valid_ndcg@10": outcome.best}
        return {"fit_loss": outcome.loss, **best}

    def _in_bfloat16(self) -> bool:
        return self.config.bf16 and computes_bfloat16(best_device(self.config.device))

    def _save(self, model: PairCrossEncoder, folder: Path) -> None:
        if self._processes.is_main_process:
            partial = folder.with_name(folder.name + ".partial")
            model.save_pretrained(str(partial), create_model_card=False)
            partial.replace(folder)
        self._processes.wait_for_everyone()

    def _record(self, numbers: Mapping[str, float]) -> None:
        """Adds to what the steps before told."""
        if self._processes.is_main_process:
            file = self.folder.record
            told = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
            made_with = {"torch": torch.__version__, "bfloat16_products": self._in_bfloat16()}
            record = {**told, "config": self.config.to_dict(), **made_with, **numbers}
            replace_json(file, record)


def _set_up_torch(config: TrainingConfig) -> None:
    random.seed(config.seed)
    np.random.seed(config.seed)
    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
