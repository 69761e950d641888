"""Writes a graph's nodes anew, in order, with constants as they are needed. Knows no operators.

Not onnxscript.rewriter: products all over a graph share quantised inputs, which single matches do not see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, helper, numpy_helper


@dataclass(slots=True)
class GraphEditor:
    """Collects nodes; ``finish`` puts them into the model."""

    model: ModelProto
    _nodes: list[NodeProto] = field(default_factory=list)

    def keep(self, node: NodeProto) -> None:
        """The node stays, behind what came before."""
        self._nodes.append(node)

    def add(self, operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        """A new node with one output. Returns the output's name."""
        node = helper.make_node(operator, inputs, [output], name=output, domain=domain)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self._nodes.append(node)
        return output

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """An initializer; one that has the name already stays. Returns the name."""
        if not any(one.name == name for one in self.model.graph.initializer):
            self.model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def finish(self) -> None:
        """Replaces the model's nodes and drops what no node reads."""
        graph = self.model.graph
        del graph.node[:]
        graph.node.extend(self._nodes)
        read = {name for node in graph.node for name in node.input}
        kept = [one for one in graph.initializer if one.name in read]
        del graph.initializer[:]
        graph.initializer.extend(kept)
