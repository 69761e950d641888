"""The reference tokenises on its own, pair by pair, and agrees with the encoder that serves."""

import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from gateway.domain.values import EncodedPair, Item
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields, render_item
from gateway.encoding.tokenizer import open_tokenizer
from tests.fakes.specs import small_spec
from tests.fakes.tokenizers import bert_like, save
from training.release.verification.lists import VerificationList, pair_texts
from training.release.verification.reference import Reference

WORDS = "toy story heat alien jaws space comedy [SEP] [CLS] 1995 ünïcode".split()


class Rig:
    """A tiny seeded BERT, its tokenizer file, and the encoder that serving would use."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer_file = save(bert_like(), folder)
        self.encoder = PairEncoder(small_spec(item_tokens=5), open_tokenizer(self.tokenizer_file))
        torch.manual_seed(1)
        config = BertConfig(
            vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
        config.num_labels = 1
        self.model = BertForSequenceClassification(config).eval()
        self.reference = Reference(self.model, self.tokenizer_file, self.encoder)

    def logit(self, pair: EncodedPair) -> float:
        """The model on exactly these token ids."""
        with torch.inference_mode():
            return float(
                self.model(
                    input_ids=torch.tensor([pair.token_ids]), token_type_ids=torch.tensor([pair.type_ids])
                ).logits.item()
            )


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def drawn(draw: random.Random, words: int) -> Mapping[str, str]:
    return {"title": " ".join(draw.choices(WORDS, k=words))}


@pytest.mark.parametrize("seed", range(4))
def test_its_logits_are_those_of_the_token_ids_that_serving_sends(rig: Rig, seed: int) -> None:
    draw = random.Random(seed)
    history = [drawn(draw, draw.randint(1, 6)) for _ in range(draw.randint(0, 4))]
    items = [drawn(draw, draw.randint(0, 9)) for _ in range(6)]
    context = rig.encoder.encode_context(ContextFields(history=history))
    served = [rig.logit(rig.encoder.join(context, rig.encoder.encode_item(item))) for item in items]
    texts = [render_item(rig.encoder.spec.item, item) for item in items]
    logits = rig.reference.score(context.text, texts)
    assert np.max(np.abs(logits - np.array(served, np.float32))) <= 1e-6, f"seed {seed}"


def test_it_cuts_the_item_side_only_and_leaves_the_context_whole(rig: Rig) -> None:
    context = rig.encoder.encode_context(ContextFields(history=[{"title": "toy story heat"}]))
    long, cut = "toy story heat alien jaws space comedy", "toy story heat alien jaws"
    logits = rig.reference.score(context.text, [long, cut])
    assert logits[0] == pytest.approx(logits[1], abs=1e-7)


def test_progress_is_told_pair_by_pair(rig: Rig) -> None:
    done: list[int] = []
    rig.reference.score("heat", ["alien", "jaws"], done.append)
    assert done == [1, 1]


def test_the_texts_of_a_list_are_the_context_once_and_each_item(rig: Rig) -> None:
    history = (Item("a", {"title": "heat"}), Item("b", {"title": "alien", "year": "1979"}))
    one = VerificationList(history, (Item("c", {"title": "jaws", "genres": "drama"}),))
    assert pair_texts(rig.encoder, one) == ("heat | alien, year 1979", ["jaws, drama"])
