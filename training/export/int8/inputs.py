"""The left sides of int8 products in uint8: every token has a step of its own, so that no row's values depend on the
rows beside it, in as few passes as ONNX Runtime allows. Knows no weights.

A few columns of BERT's states are ten times larger than the others and would take the precision. They are divided by a
factor that the weights' rows are multiplied by (SmoothQuant: Xiao et al., ICML 2023; α = ½), exact but for rounding.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from training.export.graph.graph_editor import GraphEditor
from training.export.int8.activations import Activation

LOWEST_ONE_SIDED = -0.2
"""Activations that never fall below it (GELU, ReLU) spend their 256 steps on the positive side."""


@dataclass(frozen=True, slots=True)
class QuantizedInput:
    """Names of a tensor's uint8 form [..., K] and its zero point, and of each token's scale [..., 1]; the value is
    (stored − zero) · scale · ``factors_k``, with which the weight's rows are multiplied instead."""

    quantized: str
    zero: str
    scales: str
    factors_k: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Range:
    """How one token's values become uint8: value ≈ (stored − zero) · max(peak, least peak) / steps."""

    kind: str
    steps: int
    zero: int
    least_peak: float


_TWO_SIDED = _Range("two_sided", 127, 128, 1e-6)
_ONE_SIDED = _Range("one_sided", 225, 30, 1.5)  # 30 / 225 · 1.5 = 0.2: nothing down to LOWEST_ONE_SIDED is clipped


def smoothing_factors(peaks_k: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """[K]: what each column is divided by before it is quantised: the power of 2 nearest to the square root of how far
    its peak in ``peaks_k`` [K] is above the median one, and 1 for most (SmoothQuant: Xiao et al., ICML 2023, equation
    4, with α = ½ and all weights alike). As powers of 2 they change no bit of a weight. Peaks of (1, 1, 16) give
    (1, 1, 4)."""
    usual = float(np.median(peaks_k)) or 1.0
    ratio_k = np.maximum(peaks_k / usual, 1)
    factors_k: npt.NDArray[np.float32] = np.exp2(np.rint(np.log2(ratio_k) / 2)).astype(np.float32)
    return factors_k


@dataclass(slots=True)
class QuantizedInputs:
    """Adds the nodes that quantise a tensor, once for all products that read it.

    A tensor [..., K] whose values may be negative becomes round(x · 127 / peak) + 128, one that hardly falls below 0
    round(x · 225 / peak) + 30, with the peak of each token's own K values (of the former in magnitude), so that a
    token's scale is peak / steps. ``activations``: by name the peaks [K] and the lowest value of every tensor that may
    be asked for, as observed in fp32.
    """

    editor: GraphEditor
    activations: dict[str, Activation]
    _made: dict[str, QuantizedInput] = field(default_factory=dict)

    def of(self, name: str) -> QuantizedInput:
        """The quantised form of tensor ``name`` [..., K]. Raises KeyError for one that was not observed."""
        if name not in self._made:
            self._made[name] = self._quantized(name, self.activations[name])
        return self._made[name]

    def _quantized(self, name: str, activation: Activation) -> QuantizedInput:
        editor, source = self.editor, name
        width = len(activation.peaks_k)
        if activation.lowest >= LOWEST_ONE_SIDED:
            use, factors_k = _ONE_SIDED, np.ones(width, np.float32)
        else:
            use, factors_k = _TWO_SIDED, smoothing_factors(activation.peaks_k)
        if (factors_k > 1).any():
            source = editor.add("Mul", [name, editor.constant(f"{name}.smoothing", 1 / factors_k)], f"{name}.smooth")
        scales = self._scales(source, use)
        # A block as wide as the tensor: one scale for a token. The zero point must have the shape of the scales.
        shape = editor.add("Shape", [scales], f"{name}.scales.shape")
        stored_zero = helper.make_tensor("zero", TensorProto.UINT8, [1], [use.zero])
        zeros = editor.add("ConstantOfShape", [shape], f"{name}.zeros", value=stored_zero)
        quantized = editor.add("QuantizeLinear", [source, scales, zeros], f"{name}.stored", axis=-1, block_size=width)
        return QuantizedInput(quantized, editor.constant(f"{use.kind}_zero", np.uint8(use.zero)), scales, factors_k)

    def _scales(self, source: str, use: _Range) -> str:
        editor = self.editor
        last = editor.constant("last_axis", np.array([-1]))
        peaks = [editor.add("ReduceMax", [source, last], f"{source}.highest", keepdims=1)]
        if use is _TWO_SIDED:
            lowest = editor.add("ReduceMin", [source, last], f"{source}.lowest", keepdims=1)
            peaks.append(editor.add("Neg", [lowest], f"{source}.depth"))
        least = editor.constant(f"{use.kind}_least_peak", np.float32(use.least_peak))
        peak = editor.add("Max", [*peaks, least], f"{source}.peak")
        return editor.add(
            "Div", [peak, editor.constant(f"{use.kind}_steps", np.float32(use.steps))], f"{source}.scales"
        )
