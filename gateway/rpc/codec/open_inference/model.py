"""What the façade says of its model: metadata, and configuration with limits and fields. Knows no pipeline."""

from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import model_config_pb2, service_pb2

from gateway.domain.limits import Limits
from gateway.rpc.codec.open_inference.requests import CONTEXT, HISTORY, ITEMS, OUTPUTS
from gateway.rpc.codec.open_inference.tensors import BYTES
from gateway.rpc.info import ModelInfo

PLATFORM = "crossrank"
_ANY_LENGTH = -1
_INPUTS: Mapping[str, tuple[int, bool]] = {
    CONTEXT: (1, True),
    HISTORY: (_ANY_LENGTH, True),
    ITEMS: (_ANY_LENGTH, False),
}
"""Name to length and whether it may be left out; of the first two exactly one is sent."""


def encode_metadata(model: ModelInfo) -> Any:
    """The ModelMetadataResponse."""
    tensor = service_pb2.ModelMetadataResponse.TensorMetadata
    return service_pb2.ModelMetadataResponse(
        name=model.identity.name,
        versions=[model.identity.version],
        platform=PLATFORM,
        inputs=[tensor(name=name, datatype=BYTES, shape=[length]) for name, (length, _) in _INPUTS.items()],
        outputs=[tensor(name=name, datatype=datatype, shape=[_ANY_LENGTH]) for name, datatype in OUTPUTS.items()],
    )


def encode_config(model: ModelInfo, limits: Limits) -> Any:
    """The ModelConfigResponse. ``max_batch_size`` is 0: a request is one list, its tensors have no batch axis."""
    config = model_config_pb2.ModelConfig(
        name=model.identity.name,
        platform=PLATFORM,
        backend=PLATFORM,
        input=[
            model_config_pb2.ModelInput(
                name=name, data_type=model_config_pb2.TYPE_STRING, dims=[length], optional=optional
            )
            for name, (length, optional) in _INPUTS.items()
        ],
        output=[
            model_config_pb2.ModelOutput(name=name, data_type=f"TYPE_{datatype}", dims=[_ANY_LENGTH])
            for name, datatype in OUTPUTS.items()
        ],
    )
    facts = {
        "encoding_fingerprint": model.identity.fingerprint,
        "item_fields": ",".join(model.item_fields),
        "max_items": str(limits.max_candidates),
        "max_history": str(limits.max_history_events),
        "max_pair_tokens": str(model.max_pair_tokens),
    }
    for name, value in facts.items():
        config.parameters[name].string_value = value
    return service_pb2.ModelConfigResponse(config=config)
