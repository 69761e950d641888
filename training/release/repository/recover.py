"""A shipped version folder back to a transformers model in fp32 with exactly the weights that the graph holds, so that
anybody can check what is served against a reference without the training checkpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import transformers
from onnx import ModelProto, numpy_helper
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, PreTrainedModel

from training.errors import TrainingError
from training.export.graph.parameter_names import CONSTANT, SHARED, TRANSPOSED, metadata
from training.export.int8.weights import SMOOTHED_ROWS, read_weights

GRAPH_FILE = "model.onnx"
CONFIG_FILE = "config.json"
Weights = dict[str, npt.NDArray[Any]]


class WeightsMissing(TrainingError):
    """The graph does not hold every parameter of the model."""


def recover_cross_encoder(version_folder: Path) -> PreTrainedModel:
    """The sequence-classification model of ``model.onnx`` and ``config.json``, in eval mode. Raises WeightsMissing."""
    config = _config(version_folder)
    model = AutoModelForSequenceClassification.from_config(config)
    return _filled(model, version_folder / GRAPH_FILE, unused=())


def recover_bi_encoder(version_folder: Path) -> PreTrainedModel:
    """The encoder; a pooler, which embeddings do not use, stays as it was initialised. Raises WeightsMissing."""
    model = AutoModel.from_config(_config(version_folder))
    return _filled(model, version_folder / GRAPH_FILE, unused=("pooler.",))


def graph_weights(graph: ModelProto) -> Weights:
    """Parameters by name, int8 ones dequantised, transposes undone; a number for one whose values are all the same."""
    initializers = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    entries = metadata(graph)
    stored = read_weights(initializers, entries.get(SMOOTHED_ROWS, {}))
    weights = {name.removesuffix(TRANSPOSED): _upright(name, value) for name, value in stored.items()}
    for parameter, holder in entries.get(SHARED, {}).items():
        weights[parameter] = weights[holder.removesuffix(TRANSPOSED)]
    for parameter, value in entries.get(CONSTANT, {}).items():
        weights[parameter] = np.array(value, np.float32)
    return weights


def _upright(name: str, value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return value.T if name.endswith(TRANSPOSED) else value


def _config(version_folder: Path) -> transformers.PretrainedConfig:
    document = json.loads((version_folder / CONFIG_FILE).read_text(encoding="utf-8"))
    return AutoConfig.for_model(**document)


def _filled(model: PreTrainedModel, graph: Path, unused: tuple[str, ...]) -> PreTrainedModel:
    weights = graph_weights(onnx.load(graph))
    wanted = [name for name in model.state_dict() if not name.startswith(unused)]
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise WeightsMissing(f"{graph} lacks {missing}", "export the model again with training.export")
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    state = {name: np.broadcast_to(np.asarray(weights[name], np.float32), shapes[name]).copy() for name in wanted}
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=False)
    model.float().eval()
    return model
