"""The peers' files: the same weights as the served graph, in the forms that they load."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from clients.load.bench.systems import agreement
from clients.load.bench.systems.checkpoint import FP32_GRAPH, INT8_GRAPH, write_checkpoint
from clients.load.bench.systems.triton_alone import encoded
from clients.load.bench.systems.wide_repository import write_wide_repository
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.encoding.bundle import open_bundle
from tests.clients.load.bench.made import MIX

SERVED = PROJECT_REPOSITORY / "cross_encoder" / "1"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(SERVED, tmp_path_factory.mktemp("checkpoint") / "weights")


def test_it_loads_as_one_label_with_a_tokenizer_that_gives_segments(checkpoint: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, local_files_only=True)
    assert model.config.num_labels == 1
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    segments = tokenizer([("alien", "a film")], return_token_type_ids=True)["token_type_ids"][0]
    assert set(segments) == {0, 1}


def test_the_graph_has_the_names_that_optimum_expects(checkpoint: Path) -> None:
    for name in (FP32_GRAPH, INT8_GRAPH):
        graph = onnx.load(checkpoint / name).graph
        assert [one.name for one in graph.input] == ["input_ids", "attention_mask", "token_type_ids"]
        assert {one.type.tensor_type.elem_type for one in graph.input} == {onnx.TensorProto.INT64}
        assert [one.name for one in graph.output] == ["logits"]


def test_its_int8_graph_orders_as_the_served_one_and_without_segments_it_does_not(
    checkpoint: Path, tmp_path: Path
) -> None:
    version = write_wide_repository(PROJECT_REPOSITORY, tmp_path / "wide") / "cross_encoder" / "1"
    lists = encoded(open_bundle(version / "encoding").encoder, [next(MIX.jobs(40, seed=2))])
    ours = agreement.ours(version / "model.onnx", lists)
    kinds = {str(one): agreement.int8_peer(checkpoint, lists, segments=one) for one in (True, False)}
    taus = agreement.taus(ours, {**kinds, "ours": ours})
    assert taus["ours"] == {"mean": 1.0, "lowest": 1.0, "lists": 1}
    assert taus["True"]["mean"] > taus["False"]["mean"]
    assert np.isfinite(taus["False"]["mean"])


def test_it_is_written_once_for_the_same_weights(checkpoint: Path) -> None:
    before = (checkpoint / FP32_GRAPH).stat().st_mtime_ns
    assert write_checkpoint(SERVED, checkpoint) == checkpoint
    assert (checkpoint / FP32_GRAPH).stat().st_mtime_ns == before


def test_half_a_checkpoint_is_not_taken_for_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clients.load.bench.systems import checkpoint as module

    def failing(*arguments: object, **more: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module, "quantize_dynamic", failing)
    with pytest.raises(OSError, match="disk full"):
        write_checkpoint(SERVED, tmp_path / "weights")
    assert not (tmp_path / "weights" / "made_from").exists()
