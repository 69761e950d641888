"""The last layer of one row says what the whole layer says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from tests.training.histories import oldest_first
from tests.training.run_tiny import TABLES, tiny_config
from training.model.cross_encoder import encoder_of, open_cross_encoder, tokenizer_path
from training.model.first_token_layer import keep_first_row
from training.model.pair_table import PairTable, context_key
from training.protocol.dataset import Dataset

Make = Callable[..., Any]
FAMILIES: dict[Make, Make] = {
    BertForSequenceClassification: BertConfig,
    RobertaForSequenceClassification: RobertaConfig,
    XLMRobertaForSequenceClassification: XLMRobertaConfig,
}
LENGTHS = (12, 7, 3)
"""Of three pairs in one batch: two have padding that no query may read."""


def tiny(family: Make, attention: str) -> Any:
    torch.manual_seed(11)
    sizes = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    model = family(FAMILIES[family](**sizes, vocab_size=50, max_position_embeddings=32, num_labels=1)).eval()
    model.set_attn_implementation(attention)
    return model


def answer(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits, and the gradients of a loss that reads them and the states below the last layer, as align does."""
    torch.manual_seed(12)
    ids = torch.randint(5, 50, (len(LENGTHS), max(LENGTHS)))
    mask = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).long()
    model.zero_grad()
    output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    (output.logits.square().sum() + output.hidden_states[1].square().mean()).backward()
    return output.logits.detach(), {
        name: values.grad.clone() for name, values in model.named_parameters() if values.grad is not None
    }


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_gradients_are_those_of_the_whole_layer(family: Make, attention: str) -> None:
    model = tiny(family, attention)
    logits, gradients = answer(model)
    assert keep_first_row(model)
    found, found_gradients = answer(model)
    torch.testing.assert_close(found, logits, rtol=1e-5, atol=1e-6)
    assert found_gradients.keys() == gradients.keys()
    for name, values in gradients.items():
        assert torch.allclose(found_gradients[name], values, rtol=1e-4, atol=1e-6), name


def test_dropout_of_the_last_layer_stays() -> None:
    model = tiny(BertForSequenceClassification, "eager")
    keep_first_row(model)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.base_model.encoder.layer[-1].attention.self.dropout.p = 0.5
    still = answer(model.eval())[0]
    assert torch.equal(answer(model)[0], still)
    assert not torch.equal(answer(model.train())[0], still)


def test_another_family_is_left_as_it_is() -> None:
    torch.manual_seed(13)
    make: Make = DistilBertConfig
    config = make(n_layers=2, dim=16, n_heads=2, hidden_dim=32, vocab_size=50, num_labels=1)
    model: Any = DistilBertForSequenceClassification(config).eval()
    logits, _ = answer(model)
    assert not keep_first_row(model)
    assert torch.equal(answer(model)[0], logits)


@pytest.mark.parametrize("layers", [1, 2])
def test_an_opened_cross_encoder_computes_one_row_and_is_saved_whole(tmp_path: Path, layers: int) -> None:
    config = tiny_config(tmp_path / "base")
    tokenizer = open_tokenizer(tokenizer_path(config.base_model))
    table = PairTable(PairEncoder(config.encoding(), tokenizer), Dataset(TABLES, config.protocol).fields)
    model = open_cross_encoder(config.base_model, table, layers).eval()
    ids = [item.item_id for item in TABLES.items[:4]]
    pairs = [
        (context_key(oldest_first(*ids[:2])), ids[3]),
        (context_key(oldest_first(*ids[:1])), ids[2]),
    ]
    logits, states = model.read(pairs)
    assert [states_bth.shape[1] > 1 for states_bth in states] == [True] * layers + [False]
    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    whole = type(encoder_of(model)).from_pretrained(str(tmp_path / "saved")).eval()
    torch.testing.assert_close(whole(**model.preprocess(pairs)).logits[:, 0], logits)
