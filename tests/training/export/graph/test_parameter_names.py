"""Initializers get the names of the parameters that they hold."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper

from training.export.graph.parameter_names import (
    CONSTANT,
    SHARED,
    metadata,
    name_initializers,
    name_output,
    set_metadata,
)

Array = npt.NDArray[Any]
WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([0.5, -0.5, 2.0], np.float32)


def graph_of(initializers: dict[str, Array]) -> ModelProto:
    """A chain of additions over the initializers, whose inner tensor has the name "embedding"."""
    names = list(initializers)
    nodes = [helper.make_node("Identity", [names[0]], ["embedding"])]
    nodes += [helper.make_node("Add", ["embedding", name], [f"sum_{name}"]) for name in names[1:]]
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(value, name) for name, value in initializers.items()]
    return helper.make_model(helper.make_graph(nodes, "chain", [], [output], stored))


def names_of(graph: ModelProto) -> list[str]:
    return [one.name for one in graph.graph.initializer]


def test_anonymous_constants_are_named_by_their_values() -> None:
    graph = graph_of({"val_1": WEIGHT, "val_2": BIAS})
    name_initializers(graph, {"dense.weight": WEIGHT, "dense.bias": BIAS})
    assert names_of(graph) == ["dense.weight", "dense.bias"]
    read = {name for node in graph.graph.node for name in node.input}
    assert {"dense.weight", "dense.bias"} <= read


def test_a_weight_stored_the_other_way_round_says_so() -> None:
    graph = graph_of({"val_1": np.ascontiguousarray(WEIGHT.T)})
    name_initializers(graph, {"dense.weight": WEIGHT})
    assert names_of(graph) == ["dense.weight.T"]


def test_a_constant_that_is_no_parameter_keeps_its_name() -> None:
    graph = graph_of({"val_1": WEIGHT, "sqrt_2": np.array(1.41, np.float32)})
    name_initializers(graph, {"dense.weight": WEIGHT})
    assert names_of(graph) == ["dense.weight", "sqrt_2"]


def test_equal_parameters_keep_the_names_that_the_exporter_gave() -> None:
    ones = np.ones(4, np.float32)
    graph = graph_of({"model.b": ones, "model.a": ones})
    name_initializers(graph, {"a": ones, "b": ones})
    assert names_of(graph) == ["b", "a"]
    assert metadata(graph)[SHARED] == {}


def test_a_value_stored_once_is_noted_for_every_parameter_that_has_it() -> None:
    graph = graph_of({"val_1": BIAS})
    name_initializers(graph, {"first.bias": BIAS, "second.bias": BIAS})
    assert metadata(graph)[SHARED] == {"second.bias": "first.bias"}


def test_a_constant_parameter_that_the_exporter_left_out_is_noted() -> None:
    graph = graph_of({"val_1": WEIGHT})
    name_initializers(graph, {"dense.weight": WEIGHT, "dense.bias": np.zeros(1, np.float32), "pooler": BIAS})
    assert metadata(graph)[CONSTANT] == {"dense.bias": 0.0}


def test_the_output_takes_its_name_from_an_inner_tensor() -> None:
    graph = graph_of({"a": WEIGHT, "b": BIAS})
    name_output(graph, "embedding")
    first, last = graph.graph.node
    assert (list(first.output), list(last.input), list(last.output)) == (
        ["embedding.inner"],
        ["embedding.inner", "b"],
        ["embedding"],
    )
    assert graph.graph.output[0].name == "embedding"


def test_metadata_reads_back_as_it_was_written() -> None:
    graph = graph_of({"a": WEIGHT})
    set_metadata(graph, "limits", {"max_tokens": 512})
    assert metadata(graph)["limits"] == {"max_tokens": 512}
