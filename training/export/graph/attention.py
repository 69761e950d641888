"""Fewer passes over the same numbers: attention as one operator, and sums that ONNX Runtime computes fast. Exact but
for the order of additions. Knows operators, not model families, and no int8."""

from typing import Any

from onnx import ModelProto
from onnxscript.ir import Value
from onnxscript.ir.convenience import get_const_tensor
from onnxscript.rewriter import rewrite
from onnxscript.rewriter.pattern import ANY_VALUE, RewriteRule

_TO_HEADS = [0, 2, 1, 3]
_TO_HEADS_TRANSPOSED = [0, 2, 3, 1]
LEAST_OPSET = 23
"""The first with the operator Attention."""


def fuse(model: ModelProto) -> int:
    """Rewrites in place; returns how many attentions became one operator. What does not look as expected stays."""
    if model.opset_import[0].version >= LEAST_OPSET:
        model.CopyFrom(rewrite(model, [RewriteRule(_written_out, _operator, _is_attention, remove_nodes=False)]))
    _replace_residual_sums(model)
    return sum(node.op_type == "Attention" for node in model.graph.node)


def _written_out(op: Any, query: Any, key: Any, value: Any, mask: Any, scale: Any) -> Any:
    """softmax(q · kᵀ · scale + mask) · v of each head, from [batch, tokens, heads · width] to the same."""
    query = op.Transpose(op.Reshape(query, ANY_VALUE, _outputs=["query_heads"]), perm=_TO_HEADS)
    key = op.Transpose(op.Reshape(key, ANY_VALUE, _outputs=["key_heads"]), perm=_TO_HEADS_TRANSPOSED)
    value = op.Transpose(op.Reshape(value, ANY_VALUE, _outputs=["value_heads"]), perm=_TO_HEADS)
    shares = op.Softmax(op.Add(op.Mul(op.MatMul(query, key), scale), mask))
    return op.Reshape(op.Transpose(op.MatMul(shares, value), perm=_TO_HEADS), ANY_VALUE)


def _is_attention(_: Any, query_heads: Value, key_heads: Value, value_heads: Value, scale: Value, **__: Value) -> bool:
    """Whether all are cut into the same heads, and the scale is a number."""
    heads = _heads(query_heads)
    return bool(heads) and heads == _heads(key_heads) == _heads(value_heads) and scale.const_value is not None


def _operator(op: Any, query: Value, key: Value, value: Value, mask: Value, **bound: Any) -> Any:
    heads, scale = _heads(bound["query_heads"])[0], float(bound["scale"].const_value.numpy())
    return op.Attention(query, key, value, mask, q_num_heads=heads, kv_num_heads=heads, scale=scale)


def _heads(cut: Any) -> tuple[int, ...]:
    """Number and width of the heads into which a Reshape cuts; empty where the graph does not say."""
    stored = get_const_tensor(cut.producer().inputs[1])
    shape = list(cut.shape or ()) if stored is None else stored.numpy().tolist()
    known = len(shape) == 4 and all(isinstance(size, int) and size > 0 for size in shape[2:])
    return tuple(shape[2:]) if known else ()


def _replace_residual_sums(model: ModelProto) -> None:
    """Add before LayerNormalization becomes Sum: ONNX Runtime would fuse the pair into SkipLayerNormalization, which
    takes six times as long as the two together on its CPU provider (1.32)."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        added = makers.get(node.input[0]) if node.op_type == "LayerNormalization" else None
        if added is not None and added.op_type == "Add":
            added.op_type = "Sum"
