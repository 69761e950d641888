"""The packed engine on a CPU: the logits of transformers for ragged batches, whatever stands beside a row."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from tests.training.export.worker.packed.conftest import (
    PADDING,
    SMALL,
    engine_of,
    ragged_rows,
    tiny_model,
    transformers_logits,
)
from training.export.packed_weights import write_packed_weights
from training.export.worker.packed.engine import open_engine

EXACT = 1e-5


@pytest.mark.parametrize("seed", range(3))
def test_a_ragged_batch_gives_each_row_the_logit_of_transformers(model: PreTrainedModel, seed: int) -> None:
    rows = ragged_rows(model, seed, 24)
    expected = transformers_logits(model, rows)
    actual = engine_of(model).score(rows)
    assert actual.shape == (24, 1)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=EXACT, err_msg=f"seed {seed}")
    assert expected.std() > 0.01, "logits that are all alike prove nothing"


@pytest.mark.parametrize("layers", [1, 2])
def test_a_model_of_few_layers_is_exact_too(layers: int) -> None:
    model = tiny_model("bert", layers=layers)
    rows = ragged_rows(model, 4, 8)
    np.testing.assert_allclose(engine_of(model).score(rows), transformers_logits(model, rows), atol=EXACT)


def test_a_logit_does_not_depend_on_the_rows_beside_it(model: PreTrainedModel) -> None:
    engine, rows = engine_of(model), ragged_rows(model, 7, 12)
    together = engine.score(rows)
    alone = np.concatenate([engine.score([row]) for row in rows])
    np.testing.assert_allclose(together, alone, atol=EXACT)
    np.testing.assert_allclose(engine.score(rows[::-1])[::-1], together, atol=EXACT)
    swapped = engine.score([rows[1], rows[0], *rows[2:]])
    assert np.abs(swapped - together).max() > 100 * EXACT, "the bar would not notice other rows"


def test_a_token_that_the_mask_leaves_out_is_not_read_and_the_others_keep_their_positions(
    model: PreTrainedModel,
) -> None:
    rows = [dict(row) for row in ragged_rows(model, 9, 8) if len(row["input_ids"]) > 4]
    for row in rows:
        row["attention_mask"] = row["attention_mask"].copy()
        row["attention_mask"][[2, 3]] = 0
    expected = transformers_logits(model, rows)
    np.testing.assert_allclose(engine_of(model).score(rows), expected, atol=EXACT)
    for row in rows:
        row["attention_mask"] = np.ones_like(row["attention_mask"])
    assert np.abs(transformers_logits(model, rows) - expected).max() > 100 * EXACT


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_a_padding_id_within_a_row_takes_no_position(family: str) -> None:
    model = tiny_model(family)
    rows = [dict(row) for row in ragged_rows(model, 3, 8) if len(row["input_ids"]) > 3]
    rows[0]["input_ids"] = rows[0]["input_ids"].copy()
    rows[1]["input_ids"] = rows[1]["input_ids"].copy()
    rows[0]["input_ids"][0] = rows[1]["input_ids"][2] = PADDING
    np.testing.assert_allclose(engine_of(model).score(rows), transformers_logits(model, rows), atol=EXACT)


@pytest.mark.parametrize("precision", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_fp32_and_is_no_copy_of_it(model: PreTrainedModel, precision: torch.dtype) -> None:
    rows = ragged_rows(model, 5, 32)
    expected, actual = transformers_logits(model, rows), engine_of(model, precision).score(rows)
    error = float(np.sqrt(np.mean((actual - expected) ** 2)) / expected.std())
    assert 0 < error < (0.01 if precision is torch.float16 else 0.08)
    assert len(np.unique(actual)) == len(rows), "a head in half precision would make ties"


def test_a_weights_file_opens_as_the_same_engine(model: PreTrainedModel, tmp_path: Path) -> None:
    write_packed_weights(model, torch.float32, tmp_path / "packed.safetensors")
    model.config.to_json_file(tmp_path / "config.json", use_diff=False)
    engine, rows = open_engine(tmp_path, "cpu", SMALL), ragged_rows(model, 2, 6)
    np.testing.assert_allclose(engine.score(rows), engine_of(model).score(rows), atol=1e-6)
    assert engine.inputs[:2] == ["input_ids", "attention_mask"]
