"""The left sides of int8 products in uint8, in few passes, and so that no row's values depend on the rows beside it.

What a normalisation or an attention bounds has one step for all tokens, found by calibration; its few large columns are
stored several times (`tiles.py`). Anything else, such as what GELU gives, has a step of its own for every token.
Knows no weights.
"""

from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto, TensorProto, helper

from training.export.calibration import Activation
from training.export.graph_editor import GraphEditor
from training.export.tiles import NO_TILES, ZERO_POINT, Tiling, tile

BOUNDED = {"LayerNormalization", "Attention"}
MAX_TILES = 16
"""Further copies of large columns: each costs 1/K of a product; fewer make the step coarser."""
HEADROOM = 1.5
"""Calibration sees random tokens; texts reach further, seen up to 1.4 times."""
LOWEST_ONE_SIDED = -0.2
"""Activations that never fall below it (GELU, ReLU) spend their 256 steps on the positive side."""


@dataclass(frozen=True, slots=True)
class QuantizedInput:
    """Names of a tensor's uint8 form [..., K + E], its scale and its zero point, as a product takes them.

    Where tokens have scales of their own, ``token_scales`` [..., 1] is what the product must be multiplied by.
    """

    quantized: str
    scale: str
    zero: str
    tiling: Tiling
    token_scales: str = ""


@dataclass(frozen=True, slots=True)
class _Range:
    """How one token's values become uint8: value ≈ (stored − zero) · max(peak, least peak) / steps."""

    kind: str
    steps: int
    zero: int
    least_peak: float


_TWO_SIDED = _Range("two_sided", 127, ZERO_POINT, 1e-6)
_ONE_SIDED = _Range("one_sided", 225, 30, 1.5)  # 30 / 225 · 1.5 = 0.2: nothing down to LOWEST_ONE_SIDED is clipped


@dataclass(slots=True)
class QuantizedInputs:
    """Adds the nodes that quantise a tensor, once for all products that read it."""

    editor: GraphEditor
    activations: dict[str, Activation]
    _made: dict[str, QuantizedInput] = field(default_factory=dict)
    _makers: dict[str, NodeProto] = field(init=False)

    def __post_init__(self) -> None:
        self._makers = {name: node for node in self.editor.model.graph.node for name in node.output}

    def of(self, name: str) -> QuantizedInput:
        """The quantised form of tensor ``name`` [..., K]."""
        if name not in self._made:
            activation = self.activations[name]
            if self._is_bounded(name):
                self._made[name] = self._by_column(name, activation)
            else:
                self._made[name] = self._by_token(name, activation)
        return self._made[name]

    def _is_bounded(self, name: str) -> bool:
        maker = self._makers.get(name)
        if maker is not None and maker.op_type == "Slice":
            return self._is_bounded(maker.input[0])
        return maker is not None and maker.op_type in BOUNDED

    def _by_column(self, name: str, activation: Activation) -> QuantizedInput:
        tiling = tile(activation.lows_k * HEADROOM, activation.highs_k * HEADROOM, MAX_TILES)
        scale = self.editor.constant(f"{name}.step", np.float32(tiling.step))
        zero = self.editor.constant("two_sided_zero", np.uint8(ZERO_POINT))
        quantized = self.editor.add("QuantizeLinear", [name, scale, zero], f"{name}.quantized")
        if len(tiling.columns_e):
            columns = self.editor.constant(f"{name}.columns", tiling.columns_e)
            shifts = self.editor.constant(f"{name}.shifts", tiling.shifts_e)
            large = self.editor.add("Gather", [name, columns], f"{name}.large", axis=-1)
            copies = self.editor.add("Add", [large, shifts], f"{name}.copies")
            stored = self.editor.add("QuantizeLinear", [copies, scale, zero], f"{name}.copies.quantized")
            quantized = self.editor.add("Concat", [quantized, stored], f"{name}.tiled", axis=-1)
        return QuantizedInput(quantized, scale, zero, tiling)

    def _by_token(self, name: str, activation: Activation) -> QuantizedInput:
        use = _ONE_SIDED if activation.lowest >= LOWEST_ONE_SIDED else _TWO_SIDED
        editor = self.editor
        last = editor.constant("last_axis", np.array([-1]))
        peaks = [editor.add("ReduceMax", [name, last], f"{name}.highest", keepdims=1)]
        if use is _TWO_SIDED:
            lowest = editor.add("ReduceMin", [name, last], f"{name}.lowest", keepdims=1)
            peaks.append(editor.add("Neg", [lowest], f"{name}.depth"))
        least = editor.constant(f"{use.kind}_least_peak", np.float32(use.least_peak))
        peak = editor.add("Max", [*peaks, least], f"{name}.peak")
        steps = editor.constant(f"{use.kind}_steps", np.float32(use.steps))
        scales = editor.add("Div", [peak, steps], f"{name}.scales")
        shape = editor.add("Shape", [scales], f"{name}.scales.shape")
        stored_zero = helper.make_tensor("zero", TensorProto.UINT8, [1], [use.zero])
        zeros = editor.add("ConstantOfShape", [shape], f"{name}.zeros", value=stored_zero)
        width = len(activation.lows_k)
        quantized = editor.add("QuantizeLinear", [name, scales, zeros], f"{name}.quantized", axis=-1, block_size=width)
        one = editor.constant("one_scale", np.float32(1))
        zero = editor.constant(f"{use.kind}_zero", np.uint8(use.zero))
        return QuantizedInput(quantized, one, zero, NO_TILES, scales)
