"""Computes the last layer of a graph for the first token only, where nothing else of it is read: exact, and a model of
few layers saves a good part of its work. Knows operators, not model families.

Not by onnxscript.rewriter: what may shrink depends on every reader of a tensor up to the output, which no pattern says.
Not by exporting training/model/first_token_layer.py either: that knows three families, and this is exact for any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

_ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Erf", "Tanh", "Sigmoid", "Relu", "Neg", "Gelu", "Cast"}
_ALONG_LAST_AXIS = {"LayerNormalization", "Softmax"}
_TOKENS_AXIS = 1
Axes = tuple[int | None, ...]
"""For each input of a node: the axis along which only its first row is needed, or None where all of it is."""


def keep_first_row(model: ModelProto) -> bool:
    """Rewrites in place a graph that reads only the first token's state of its last layer: queries, attention output
    and feed-forward of that layer shrink to one row, keys and values stay whole. Returns False, and changes nothing,
    where a model reads more than that (mean pooling).
    """
    selection = _selection(model.graph)
    if selection is None:
        return False
    rewriter = _Rewriter(model.graph)
    narrow = rewriter.plan(selection)
    rewriter.narrow(narrow)
    return bool(narrow)


def _selection(graph: GraphProto) -> NodeProto | None:
    """The last node that takes index 0 of the tokens' axis of [batch, tokens, hidden]."""
    constants = {one.name: one for one in graph.initializer if not one.dims}
    for node in reversed(graph.node):
        if node.op_type == "Gather" and _attributes(node).get("axis") == _TOKENS_AXIS and node.input[1] in constants:
            return node if numpy_helper.to_array(constants[node.input[1]]) == 0 else None
    return None


@dataclass(slots=True)
class _Rewriter:
    graph: GraphProto
    shapes: dict[str, list[int | str]] = field(init=False)
    _cuts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        described = [*self.graph.value_info, *self.graph.input, *self.graph.output]
        self.shapes = {one.name: [_size(axis) for axis in one.type.tensor_type.shape.dim] for one in described}
        self.shapes |= {one.name: list(one.dims) for one in self.graph.initializer}

    def plan(self, selection: NodeProto) -> dict[str, int]:
        """Tensors of which only the first row along an axis is read, by nodes that can work on that row alone."""
        asked: dict[str, set[int | None]] = {one.name: {None} for one in self.graph.output}
        asked.setdefault(selection.input[0], set()).add(_TOKENS_AXIS)
        narrow: dict[str, int] = {}
        for node in reversed(self.graph.node):
            if node is selection:
                continue
            wanted = {axis for name in node.output for axis in asked.get(name, {None})}
            (axis,) = wanted if len(wanted) == 1 else (None,)
            needs = None if axis is None else self._needs(node, axis)
            if needs is not None and axis is not None:
                narrow |= dict.fromkeys(node.output, axis)
            for name, need in zip(node.input, needs or [None] * len(node.input), strict=True):
                asked.setdefault(name, set()).add(need)
        return narrow

    def narrow(self, narrow: dict[str, int]) -> None:
        """Lets the planned nodes read first rows, cut from what is whole."""
        nodes: list[NodeProto] = []
        for node in self.graph.node:
            axis = narrow.get(node.output[0])
            if axis is not None:
                for place, need in enumerate(self._needs(node, axis) or ()):
                    if need is not None and node.input[place] not in narrow:
                        node.input[place] = self._cut(node.input[place], need, nodes)
                if node.op_type == "Reshape":
                    self._reshape(node)
            nodes.append(node)
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        kept = [one for one in self.graph.value_info if one.name not in narrow]
        del self.graph.value_info[:]
        self.graph.value_info.extend(kept)

    def _needs(self, node: NodeProto, axis: int) -> Axes | None:
        """What the node reads for the first row of its output; None when it cannot work on one row."""
        shapes = [self.shapes.get(name, []) for name in (*node.input, node.output[0])]
        *inputs, output = shapes
        if node.op_type in _ELEMENTWISE:
            return tuple(_aligned(shape, axis - len(output)) for shape in inputs)
        if node.op_type in _ALONG_LAST_AXIS and axis != len(output) - 1:
            return (axis, *[None] * (len(inputs) - 1))
        if node.op_type == "MatMul" and axis == len(output) - 2:
            return (len(inputs[0]) - 2, None)
        if node.op_type == "Transpose":
            return (_attributes(node)["perm"][axis],)
        if node.op_type == "Split" and _attributes(node).get("axis", 0) not in (axis, axis - len(output)):
            return (axis, *[None] * (len(inputs) - 1))
        if node.op_type == "Reshape" and axis == _TOKENS_AXIS and _keeps_tokens(inputs[0], output):
            return (axis, None)
        return None

    def _cut(self, name: str, axis: int, nodes: list[NodeProto]) -> str:
        cut = f"{name}.first.{axis}"
        if cut not in self._cuts:
            bounds = [self._constant(f"first_row.{value}", value) for value in (0, 1, axis)]
            nodes.append(helper.make_node("Slice", [name, *bounds], [cut], name=cut))
            self._cuts.add(cut)
        return cut

    def _reshape(self, node: NodeProto) -> None:
        sizes = [int(size) for size in self.shapes[node.output[0]][2:]]
        name = "first_row.shape." + ".".join(map(str, sizes))
        node.input[1] = self._constant(name, 0, 1, *sizes)
        del node.attribute[:]  # without allowzero, 0 copies the batch's size

    def _constant(self, name: str, *values: int) -> str:
        if all(one.name != name for one in self.graph.initializer):
            self.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name


def _aligned(shape: Sequence[int | str], axis_from_end: int) -> int | None:
    """The axis of a broadcast input, unless all rows of the output read the same of it."""
    axis = len(shape) + axis_from_end
    return None if axis < 0 or shape[axis] == 1 else axis


def _keeps_tokens(before: Sequence[int | str], after: Sequence[int | str]) -> bool:
    return list(before[:2]) == list(after[:2]) and all(isinstance(size, int) for size in after[2:])


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _size(axis: Any) -> int | str:
    size: int | str = axis.dim_value if axis.HasField("dim_value") else axis.dim_param
    return size
