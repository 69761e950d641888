"""An imported model of any family gives the logits and reads the tokens that transformers would."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import open_bundle
from gateway.encoding.render import ContextFields
from tests.training.importing.checkpoints import FAMILIES
from tests.training.importing.conftest import ImportedFamily
from training.export.compare import Logits, score_graph
from training.export.graph.half_precision import to_half
from training.export.int8.quantize import quantize
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.export.session import open_session
from training.release.golden import HARD_TEXTS
from training.release.repository.recover import recover_cross_encoder
from training.release.repository.triton_config import read_config

WITH_SEGMENTS = ("bert", "electra")
TEXTS = (*HARD_TEXTS, *SAMPLE_TEXTS)
Tensors = Mapping[str, torch.Tensor]


def text_pairs(seed: int, count: int) -> list[tuple[str, str]]:
    """Random pairs of texts, of all kinds and lengths."""
    draw = np.random.default_rng(seed)
    return [(TEXTS[one], TEXTS[other]) for one, other in draw.integers(0, len(TEXTS), (count, 2))]


def transformers_inputs(family: ImportedFamily, pairs: list[tuple[str, str]]) -> Tensors:
    """What transformers' own tokenizer makes of the pairs, as one padded batch."""
    tokenizer = AutoTokenizer.from_pretrained(family.checkpoint.source.folder)
    inputs: Tensors = tokenizer(
        [context for context, _ in pairs],
        [item for _, item in pairs],
        split_special_tokens=True,
        padding=True,
        truncation=True,
        max_length=96,
        return_token_type_ids=True,
        return_tensors="pt",
    )
    return inputs


def transformers_logits(family: ImportedFamily, inputs: Tensors) -> list[float]:
    """transformers in fp32, each row alone and without its padding; the weights read anew from the checkpoint."""
    model = AutoModelForSequenceClassification.from_pretrained(family.checkpoint.source.folder).eval()
    logits = []
    for row, mask in enumerate(inputs["attention_mask"]):
        length = int(mask.sum())
        names = ["input_ids", "attention_mask"]
        if model.config.model_type in WITH_SEGMENTS:
            names.append("token_type_ids")
        with torch.inference_mode():
            logits.append(model(**{name: inputs[name][row : row + 1, :length] for name in names}).logits.item())
    return logits


def graph_logits(family: ImportedFamily, inputs: Tensors) -> Logits:
    """The imported graph's, for the whole batch at once; padded as the worker pads, with zeros."""
    session = open_session(family.imported.folder / "model.onnx")
    mask = inputs["attention_mask"].numpy()
    feed = {node.name: (inputs[node.name].numpy() * mask).astype(np.int32) for node in session.get_inputs()}
    logits: Logits = session.run(None, feed)[0][:, 0]
    return logits


@pytest.mark.parametrize("seed", [1, 2])
def test_a_padded_batch_gives_each_pair_the_logit_of_transformers(family: ImportedFamily, seed: int) -> None:
    inputs = transformers_inputs(family, text_pairs(seed, 24))
    lengths = inputs["attention_mask"].sum(dim=1)
    assert len(set(lengths.tolist())) > 10
    expected = transformers_logits(family, inputs)
    np.testing.assert_allclose(graph_logits(family, inputs), expected, atol=1e-4, err_msg=f"seed {seed}")
    assert np.std(expected) > 1e-3, "logits that are all alike prove nothing"


@pytest.mark.parametrize("name", WITH_SEGMENTS)
def test_segments_matter_where_a_family_has_them(families: Mapping[str, ImportedFamily], name: str) -> None:
    inputs = dict(transformers_inputs(families[name], text_pairs(3, 12)))
    with_segments = graph_logits(families[name], inputs)
    inputs["token_type_ids"] = torch.zeros_like(inputs["token_type_ids"])
    assert np.abs(graph_logits(families[name], inputs) - with_segments).max() > 1e-3


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - WITH_SEGMENTS))
def test_other_families_take_no_segments(families: Mapping[str, ImportedFamily], name: str) -> None:
    session = open_session(families[name].imported.folder / "model.onnx")
    assert {node.name for node in session.get_inputs()} == {"input_ids", "attention_mask"}


def test_the_gateway_encodes_pairs_as_transformers_does(family: ImportedFamily) -> None:
    encoder = open_bundle(family.imported.folder / "encoding").encoder
    tokenizer = AutoTokenizer.from_pretrained(family.checkpoint.source.folder)
    segments = set()
    for query, text in text_pairs(4, 60):
        folded = " ".join(text.split())
        if len(tokenizer(query, add_special_tokens=False)["input_ids"]) > 48 or not folded:
            continue
        pair = encoder.join(encoder.encode_context(ContextFields(query)), encoder.encode_item({"title": text}))
        theirs = tokenizer(
            [" ".join(query.split())],
            [folded],
            split_special_tokens=True,
            return_token_type_ids=True,
            truncation="only_second",
            max_length=len(pair.token_ids),
        )
        assert list(pair.token_ids) == theirs["input_ids"][0]
        assert list(pair.type_ids) == theirs["token_type_ids"][0]
        segments |= set(pair.type_ids)
    bert_like = FAMILIES[family.imported.folder.parent.name].special["cls_token"] == "[CLS]"
    assert segments == ({0, 1} if bert_like else {0})


def test_roberta_pairs_have_two_ends_between_the_texts(families: Mapping[str, ImportedFamily]) -> None:
    for name in ("roberta", "xlm-roberta"):
        encoder = open_bundle(families[name].imported.folder / "encoding").encoder
        pair = encoder.join(encoder.encode_context(ContextFields("tea")), encoder.encode_item({"title": "salt"}))
        start, end = (FAMILIES[name].tokenizer().token_to_id(token) for token in ("<s>", "</s>"))
        assert pair.token_ids[0] == start
        assert [place for place, token in enumerate(pair.token_ids) if token == end][1] - pair.token_ids.index(end) == 1
        assert encoder.special_tokens == 4


def test_the_version_is_whole_and_proves_itself(family: ImportedFamily) -> None:
    folder = family.imported.folder
    bundle = open_bundle(folder / "encoding")
    assert bundle.golden.token_faults(bundle.encoder) == []
    logits = score_graph(folder / "model.onnx", bundle.golden.encode(bundle.encoder))
    assert bundle.golden.logit_faults(logits, range(len(logits))) == []
    assert bundle.golden.tolerance < 0.011
    config = read_config(folder.parent / "config.pbtxt")
    assert config.parameters["encoding_fingerprint.1"].string_value == bundle.fingerprint
    assert [one.name for one in config.input][:2] == ["input_ids", "attention_mask"]


def test_the_weights_can_be_recovered_from_the_version(family: ImportedFamily) -> None:
    recovered = recover_cross_encoder(family.imported.folder).state_dict()
    for name, value in family.checkpoint.model.state_dict().items():
        torch.testing.assert_close(recovered[name], value, msg=name)


@pytest.mark.parametrize("convert", [to_half, quantize])
def test_smaller_graphs_stay_near_fp32(family: ImportedFamily, convert: object, tmp_path: Path) -> None:
    """A share of the logits' spread: random weights have no lists worth a Kendall τ, and 32 columns average little."""
    assert callable(convert)
    exact = family.imported.folder / "model.onnx"
    bundle = open_bundle(family.imported.folder / "encoding")
    pairs = bundle.golden.encode(bundle.encoder)
    expected, actual = score_graph(exact, pairs), score_graph(convert(exact, tmp_path / "small.onnx"), pairs)
    error = np.sqrt(np.mean((actual - expected) ** 2)) / expected.std()
    assert 0 < error < (0.15 if convert is quantize else 0.02)
    swapped = score_graph(tmp_path / "small.onnx", [pairs[-1], *pairs[:-1]])
    assert np.sqrt(np.mean((swapped - expected) ** 2)) / expected.std() > 0.5, "the bar would not notice other pairs"


def test_a_pair_has_one_int8_logit_whatever_stands_beside_it(family: ImportedFamily, tmp_path: Path) -> None:
    graph = quantize(family.imported.folder / "model.onnx", tmp_path / "int8.onnx")
    inputs = transformers_inputs(family, text_pairs(5, 8))
    whole = replace(family, imported=replace(family.imported, folder=tmp_path))
    graph.rename(tmp_path / "model.onnx")
    alone = [
        score_graph(tmp_path / "model.onnx", [_pair(inputs, row)])[0] for row in range(len(inputs["attention_mask"]))
    ]
    np.testing.assert_allclose(graph_logits(whole, inputs), alone, atol=1e-5)


def test_the_card_tells_origin_licence_and_exactness(family: ImportedFamily) -> None:
    card = (family.imported.folder / "README.md").read_text(encoding="utf-8")
    assert f"`{family.checkpoint.source.name}`" in card
    assert "Licence: mit." in card
    assert family.checkpoint.weights_sha256 in card
    assert family.checkpoint.model.config.model_type in card
    for file in family.imported.folder.rglob("*"):
        if file.suffix in {".json", ".md", ".onnx"}:
            assert str(family.checkpoint.source.folder.parent).encode() not in file.read_bytes(), file


def test_the_configuration_of_the_version_keeps_what_the_checkpoint_said(family: ImportedFamily) -> None:
    before = json.loads((family.checkpoint.source.folder / "config.json").read_text(encoding="utf-8"))
    after = json.loads((family.imported.folder / "config.json").read_text(encoding="utf-8"))
    for key in ("model_type", "vocab_size", "pad_token_id", "classifier_pooling"):
        assert after.get(key) == before.get(key, after.get(key))


def _pair(inputs: Tensors, row: int) -> EncodedPair:
    length = int(inputs["attention_mask"][row].sum())
    ids, kinds = (inputs[name][row, :length].tolist() for name in ("input_ids", "token_type_ids"))
    return EncodedPair(tuple(ids), tuple(kinds), truncated=False)
