"""A checkpoint to a model version that Triton can load, whole or not at all. Knows no hub."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from transformers import PreTrainedModel

from gateway.domain.progress import Advance
from gateway.encoding.bundle import fingerprint_of, write_bundle
from gateway.encoding.golden import GoldenSet
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from training.errors import CheckpointUnusable, ImportRefused
from training.export.compare import Logits, score_graph
from training.export.graph.export import LAST_LAYER, export_cross_encoder, longest_input
from training.export.graph.half_precision import to_half
from training.export.graph.parameter_names import metadata
from training.export.int8.quantize import quantize
from training.export.packed_weights import HALF, score_packed, why_not_packable, write_packed_weights
from training.export.precision import Device, Precision
from training.importing.card import Exactness, write_card
from training.importing.checkpoint import Checkpoint
from training.importing.probe_pairs import check_tokens, probe_pairs
from training.importing.text import PairText, check_budget
from training.release.golden import golden_set, tolerance_of
from training.release.repository.recover import CONFIG_FILE
from training.release.repository.triton_config import ServingOptions
from training.release.repository.version import WEIGHTS_FILE, VersionContent, write_model_version

MAX_GRAPH_MB = 2000.0
"""One file of protobuf holds at most 2 GB."""
MAX_FP32_ERROR = 5e-4
"""Of a logit, absolute; relative for those above 1."""
MAX_RELATIVE_ERROR = 0.1
"""Of fp16 and int8. Errors of a tenth of the logits' spread leave a correlation of .995, a Kendall τ of about .94."""
STEPS = ("encoding", "graph", "precision", "golden pairs", "version")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What becomes of a checkpoint. ``name`` is the model's name on Triton."""

    repository: Path
    version: int
    text: PairText
    name: str = "cross_encoder"
    precision: Precision = Precision.FP32
    device: Device = Device.CPU

    def check(self) -> None:
        """Raises ImportRefused for choices that do not go together, before anything is computed."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", self.name):
            raise ImportRefused(
                f"the name is {self.name!r}; a model's name has 1 to 100 letters, digits, '_', '-' and '.'",
                "change --name",
            )
        if self.precision is Precision.INT8 and self.device is Device.GPU:
            raise ImportRefused("int8 graphs need ONNX Runtime on a CPU", "give --precision fp16, or --device cpu")
        if self.precision is Precision.BF16 and self.device is Device.CPU:
            raise ImportRefused("bf16 weights are for GPUs", "give --device gpu, or --precision fp32 or int8")
        folder = self.repository / self.name / str(self.version)
        if folder.exists():
            raise ImportRefused(f"version {self.version} of {self.name} exists", "give the next free --version")


@dataclass(frozen=True, slots=True)
class Imported:
    """The version folder and how exact its graph is."""

    folder: Path
    exactness: Exactness


def import_checkpoint(checkpoint: Checkpoint, plan: ImportPlan, advance: Advance) -> Imported:
    """Writes the version; ``advance`` is called once for each of STEPS.

    Raises ConfigInvalid, CheckpointUnusable, ImportRefused, ModelNotExportable or VersionRefused.
    """
    plan.check()
    spec = plan.text.spec(checkpoint.source.name)
    encoder = PairEncoder(spec, open_tokenizer(checkpoint.tokenizer_file))
    check_budget(encoder, longest_input(checkpoint.model), "--context-tokens, --item-tokens")
    pairs = probe_pairs(encoder)
    check_tokens(checkpoint, encoder, pairs)
    advance(1)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        exact = export_cross_encoder(checkpoint.model, work / "fp32.onnx")
        advance(1)
        graph = _in_precision(exact, plan.precision, work)
        checkpoint.model.config.to_json_file(work / CONFIG_FILE, use_diff=False)
        packed = _packed(checkpoint.model, plan, work)
        advance(1)
        golden = golden_set(pairs, encoder, checkpoint.model, checkpoint.tokenizer_file, tolerance=0.0)
        encoded = golden.encode(encoder)
        served = [score_graph(graph, encoded), *([score_packed(work, encoded)] if packed else [])]
        golden, exactness = _measured(served, golden, plan.precision)
        exactness = replace(exactness, last_layer=metadata(onnx.load(graph))[LAST_LAYER], packed=packed is not None)
        advance(1)
        encoding = work / "encoding"
        write_bundle(encoding, spec, checkpoint.tokenizer_file, golden)
        content = VersionContent(
            graph=graph,
            transformers_config=work / CONFIG_FILE,
            card=write_card(checkpoint, spec, exactness),
            encoding=encoding,
            encoding_fingerprint=fingerprint_of(encoding),
            packed=packed,
        )
        options = ServingOptions.for_gpu() if plan.device is Device.GPU else ServingOptions()
        folder = write_model_version(
            plan.repository, plan.name, plan.version, content, options, max_graph_mb=MAX_GRAPH_MB
        )
        advance(1)
    return Imported(folder, exactness)


def _in_precision(exact: Path, precision: Precision, work: Path) -> Path:
    if precision in (Precision.FP16, Precision.BF16):
        return to_half(exact, work / "fp16.onnx")
    if precision is Precision.INT8:
        return quantize(exact, work / "int8.onnx")
    return exact


def _packed(model: PreTrainedModel, plan: ImportPlan, work: Path) -> Path | None:
    """Weights for the packed engine, or None where ONNX Runtime is to compute on the GPU too, or there is none."""
    if plan.device is Device.CPU or plan.precision is Precision.FP32:
        return None
    if plan.precision is Precision.FP16 and why_not_packable(model):
        return None
    return write_packed_weights(model, HALF[plan.precision], work / WEIGHTS_FILE)


def _measured(served: Sequence[Logits], golden: GoldenSet, precision: Precision) -> tuple[GoldenSet, Exactness]:
    """The golden set with its tolerance, which holds for all that may serve. Raises when one of them does not compute
    what transformers does."""
    expected = np.array([pair.logit for pair in golden.pairs])
    if not np.isfinite(expected).all():
        raise CheckpointUnusable("the model gives logits that are not finite", "its weights are broken: download again")
    differences = np.abs(np.stack(served) - expected).max(axis=0)
    relative = float(np.sqrt(np.mean(differences**2)) / max(float(expected.std()), 1e-6))
    exactness = Exactness(precision, len(expected), "", float(differences.max()), relative)
    excess = float((differences / np.maximum(1, np.abs(expected))).max())
    if precision is Precision.FP32 and not excess <= MAX_FP32_ERROR:
        raise ImportRefused(
            f"the graph's logits differ from transformers' by up to {excess:.2g}; at most {MAX_FP32_ERROR:g}",
            "this model cannot be exported exactly: report it with its name",
        )
    if not relative <= MAX_RELATIVE_ERROR:
        raise ImportRefused(
            f"{precision} moves the logits by {relative:.0%} of their spread; at most {MAX_RELATIVE_ERROR:.0%}",
            "give --precision fp32",
        )
    return replace(golden, tolerance=tolerance_of(expected.tolist(), (expected + differences).tolist())), exactness
