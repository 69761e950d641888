"""A shipped version folder back to a transformers model in fp32 with exactly the weights that the graph holds, so that
anybody can check what is served against a reference without the training checkpoint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import ModelProto, numpy_helper
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

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
    document = json.loads((version_folder / CONFIG_FILE).read_text(encoding="utf-8"))
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(**document))
    graph = version_folder / GRAPH_FILE
    weights, parameters = graph_weights(onnx.load(graph)), model.state_dict()
    if missing := [name for name in parameters if name not in weights]:
        raise WeightsMissing(f"{graph} lacks {missing}", "export the model again with training.export")
    for name, value in parameters.items():
        value.copy_(torch.from_numpy(np.array(weights[name], np.float32)))
    model.float().eval()
    return model


def graph_weights(graph: ModelProto) -> Weights:
    """Parameters by name, int8 ones dequantised, transposes undone; a number for one whose values are all the same."""
    initializers = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    entries = metadata(graph)
    stored = read_weights(initializers, entries.get(SMOOTHED_ROWS, {}))
    weights = {
        name.removesuffix(TRANSPOSED): value.T if name.endswith(TRANSPOSED) else value for name, value in stored.items()
    }
    for parameter, holder in entries.get(SHARED, {}).items():
        weights[parameter] = weights[holder.removesuffix(TRANSPOSED)]
    for parameter, value in entries.get(CONSTANT, {}).items():
        weights[parameter] = np.array(value, np.float32)
    return weights
