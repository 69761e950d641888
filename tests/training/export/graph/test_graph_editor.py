"""Nodes in the order in which they were added, and no constant twice or for nobody."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from training.export.graph.graph_editor import GraphEditor


def one_node_model() -> ModelProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    stored = [numpy_helper.from_array(np.ones(1, np.float32), name) for name in ("two", "unread")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "two"], ["y"])], "g", [value], [result], stored)
    return helper.make_model(graph)


def test_nodes_stand_in_the_order_of_the_calls_and_unread_constants_go() -> None:
    model = one_node_model()
    editor = GraphEditor(model)
    (kept,) = model.graph.node
    axis = editor.constant("axis", np.array([0]))
    assert editor.add("Squeeze", ["x", axis], "before", domain="") == "before"
    editor.keep(kept)
    editor.finish()
    assert [node.op_type for node in model.graph.node] == ["Squeeze", "Add"]
    assert {one.name for one in model.graph.initializer} == {"axis", "two"}


def test_a_constant_that_is_there_keeps_its_value() -> None:
    model = one_node_model()
    GraphEditor(model).constant("two", np.zeros(1, np.float32))
    assert [numpy_helper.to_array(one)[0] for one in model.graph.initializer if one.name == "two"] == [1]


def test_attributes_reach_the_node() -> None:
    model = one_node_model()
    editor = GraphEditor(model)
    editor.add("Cast", ["x"], "y", to=TensorProto.INT8)
    editor.finish()
    (node,) = model.graph.node
    assert helper.get_attribute_value(node.attribute[0]) == TensorProto.INT8
