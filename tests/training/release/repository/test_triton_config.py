"""The generated config.pbtxt."""

from pathlib import Path

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelInstanceGroup

from tests.training.export.backend import checksum_graph
from tests.training.export.conftest import Exported
from training.release.repository.triton_config import ServingOptions, Signature, model_config, read_config, to_text


@pytest.fixture
def config(cross_encoder: Exported) -> ModelConfig:
    return model_config("cross_encoder", Signature.of(cross_encoder.int8), ServingOptions(), {"spec": "abc"})


def test_the_signature_is_the_graphs_own(cross_encoder: Exported, bi_encoder: Exported) -> None:
    assert Signature.of(cross_encoder.int8) == Signature(("input_ids", "attention_mask", "token_type_ids"), "logit", 1)
    assert Signature.of(bi_encoder.fp32) == Signature(("input_ids", "attention_mask"), "embedding", 32)


def test_requests_of_different_shapes_can_share_a_batch(config: ModelConfig) -> None:
    assert [one.name for one in config.input] == ["input_ids", "attention_mask", "token_type_ids"]
    assert all(one.allow_ragged_batch and list(one.dims) == [-1] and not one.optional for one in config.input)
    assert (config.output[0].name, list(config.output[0].dims)) == ("logit", [1])


def test_segments_may_be_sent_to_a_graph_without_them(tmp_path: Path) -> None:
    signature = Signature.of(checksum_graph(tmp_path / "model.onnx"))
    config = model_config("cross_encoder", signature, ServingOptions(), {})
    assert {one.name: one.optional for one in config.input} == {
        "input_ids": False,
        "attention_mask": False,
        "token_type_ids": True,
    }


def test_the_queue_has_no_policy_under_which_triton_would_prepare_no_batch_ahead(config: ModelConfig) -> None:
    batching = config.dynamic_batching
    assert batching.max_queue_delay_microseconds > 0
    assert (batching.priority_levels, len(batching.priority_queue_policy)) == (0, 0)
    assert not batching.HasField("default_queue_policy")


def test_tritons_response_cache_stays_off(config: ModelConfig) -> None:
    assert not config.HasField("response_cache")


def test_every_input_is_warmed_up_from_the_file(config: ModelConfig) -> None:
    assert [warmup.batch_size for warmup in config.model_warmup] == [1, config.max_batch_size]
    for warmup in config.model_warmup:
        assert warmup.inputs.keys() == {one.name for one in config.input}
        assert all(sample.input_data_file == "ones" for sample in warmup.inputs.values())


def test_parameters_are_published_beside_those_of_the_worker(config: ModelConfig) -> None:
    parameters = {name: value.string_value for name, value in config.parameters.items()}
    assert parameters == {"spec": "abc", "workers": "0", "micro_batch_rows": "8", "micro_batch_tokens": "1024"}


def test_two_versions_stay_loaded(config: ModelConfig) -> None:
    assert config.version_policy.latest.num_versions == 2


def test_the_defaults_know_nothing_of_this_machine(config: ModelConfig) -> None:
    (group,) = config.instance_group
    assert (group.kind, group.count, list(group.gpus)) == (ModelInstanceGroup.KIND_CPU, 1, [])


def test_a_gpu_gets_batches_that_fill_it(cross_encoder: Exported) -> None:
    config = model_config("cross_encoder", Signature.of(cross_encoder.fp32), ServingOptions.for_gpu(), {})
    (group,) = config.instance_group
    assert (group.kind, group.count, list(group.gpus)) == (ModelInstanceGroup.KIND_GPU, 1, [])
    assert config.parameters["micro_batch_rows"].string_value == str(config.max_batch_size)
    assert config.parameters["torch_compile"].string_value == "0"


def test_the_text_reads_back_as_the_same_configuration(config: ModelConfig, tmp_path: Path) -> None:
    file = tmp_path / "config.pbtxt"
    file.write_text(to_text(config))
    assert read_config(file) == config
