"""A trained run to a model version that Triton can load: graph, int8, encoding with golden pairs, card."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import PreTrainedModel

from gateway.domain.files import sha256_of
from gateway.encoding.bundle import fingerprint_of, write_bundle
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from gateway.ranker.fused_score import LOGIT_FUSION, Fusion
from training.errors import ConfigInvalid
from training.export.compare import score_graph
from training.export.graph.export import export_cross_encoder
from training.export.graph.half_precision import to_half
from training.export.int8.quantize import quantize
from training.export.packed_weights import HALF, score_packed, write_packed_weights
from training.export.precision import Device, Precision
from training.model.cross_encoder import base_model_path, tokenizer_path
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset
from training.protocol.trained_on import TrainedOn
from training.ranker.baselines import write_baselines
from training.ranker.fit import Fusions
from training.release.card import INT8_WEIGHTS
from training.release.golden import golden_inputs, golden_set, tolerance_of
from training.release.repository.recover import CONFIG_FILE
from training.release.repository.triton_config import ServingOptions
from training.release.repository.version import WEIGHTS_FILE, VersionContent, write_model_version
from training.release.verification.reference import trained_model
from training.run_folder import RunFolder

MODEL = "cross_encoder"
"""Its name in a model repository."""


@dataclass(frozen=True, slots=True)
class ServedForm:
    """What will serve a version, and in which precision. On GPUs the version brings packed weights, and an fp16 graph
    for CPUs; on CPUs a graph alone, int8 or fp32."""

    device: Device = Device.CPU
    precision: Precision = Precision.INT8

    @property
    def weights(self) -> str:
        """For the card."""
        if self.device is Device.CPU:
            return INT8_WEIGHTS if self.precision is Precision.INT8 else "fp32, as they were trained."
        return f"{self.precision} on GPUs, computed without padding; the fp16 graph is for CPUs, and gave the results."

    @property
    def graph(self) -> Precision:
        """Of the graph that CPUs compute."""
        return self.precision if self.device is Device.CPU else Precision.FP16

    @classmethod
    def chosen(cls, device: Device, precision: Precision | None) -> "ServedForm":
        """``precision`` None: int8 on CPUs, fp16 on GPUs. Raises ConfigInvalid for what does not go together."""
        fitting = {Device.CPU: (Precision.INT8, Precision.FP32), Device.GPU: (Precision.FP16, Precision.BF16)}[device]
        wanted = precision or fitting[0]
        if wanted not in fitting:
            names = " or ".join(fitting)
            raise ConfigInvalid(
                f"{wanted} is not exported for a {device}", f"give --precision {names}, or no --precision"
            )
        return cls(device, wanted)


MAX_LARGE_GRAPH_MB = 2000.0
"""Versions that are not int8 are for model stores, not for git."""

_REWRITTEN: Mapping[Precision, Callable[[Path, Path], Path]] = {
    Precision.INT8: quantize,
    Precision.FP16: to_half,
    Precision.FP32: lambda fp32, destination: fp32.replace(destination),
}


@dataclass(frozen=True, slots=True)
class Release:
    """Exports one run once; writes versions with different fusions and cards from the same graph."""

    config: TrainingConfig
    dataset: Dataset
    folder: RunFolder
    form: ServedForm = ServedForm()
    trained_on: TrainedOn | None = None

    @property
    def tokenizer(self) -> Path:
        """The tokenizer.json that the run encodes with."""
        return tokenizer_path(base_model_path(self.config.base_model))

    @property
    def graph(self) -> Path:
        """The graph that CPUs compute, exported when it is not there yet. Raises RunIncomplete."""
        precision = self.form.graph
        graph = self.folder.root / ("model.onnx" if precision is Precision.INT8 else f"model-{precision}.onnx")
        if not graph.is_file():
            model = trained_model(self.folder.trained_model())
            with tempfile.TemporaryDirectory(dir=self.folder.root) as work:
                fp32 = export_cross_encoder(model, Path(work) / "fp32.onnx")
                _REWRITTEN[precision](fp32, Path(work) / "rewritten.onnx").replace(graph)
        return graph

    def encoder(self, fusion: Fusion = LOGIT_FUSION) -> PairEncoder:
        """The run's encoding of pairs, with a fused score."""
        return PairEncoder(replace(self.config.encoding(), fusion=fusion.spec), open_tokenizer(self.tokenizer))

    def digest(self, fusions: Fusions | None) -> str:
        """Of all that decides how this run ranks a list: graph, encoding, fused score."""
        fusion = fusions.served if fusions else LOGIT_FUSION
        spec = replace(self.config.encoding(), fusion=fusion.spec).to_json()
        parts = (sha256_of(self.graph), sha256_of(self.tokenizer), spec, fusion.trees.text if fusion.trees else "")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def write(
        self, repository: Path, version: int, fusions: Fusions | None, card: str, *, staged: bool = False
    ) -> Path:
        """A version folder in ``repository``. Without fusions the logit alone ranks. A ``staged`` one is served on the
        CPUs of this machine, whatever it is for."""
        fusion = fusions.served if fusions else LOGIT_FUSION
        encoder = self.encoder(fusion)
        model = trained_model(self.folder.trained_model())
        inputs = golden_inputs(self.dataset, self.config.text.item_fields)
        golden = golden_set(inputs, encoder, model, self.tokenizer, tolerance=0.0)
        encoded, expected = golden.encode(encoder), [pair.logit for pair in golden.pairs]
        with tempfile.TemporaryDirectory(dir=self.folder.root) as work:
            config = Path(work) / CONFIG_FILE
            model.config.to_json_file(config, use_diff=False)
            packed = self._packed(model, Path(work))
            served = [score_graph(self.graph, encoded), *([score_packed(Path(work), encoded)] if packed else [])]
            golden = replace(golden, tolerance=max(tolerance_of(expected, one.tolist()) for one in served))
            encoding = Path(work) / "encoding"
            write_bundle(encoding, encoder.spec, self.tokenizer, golden, fusion.trees)
            if fusions:
                write_baselines(encoding, fusions.without_logit)
            content = VersionContent(
                graph=self.graph,
                transformers_config=config,
                card=card,
                encoding=encoding,
                encoding_fingerprint=fingerprint_of(encoding),
                files=(self.trained_on.write(Path(work)),) if self.trained_on else (),
                packed=packed,
            )
            return self._written(repository, version, content, staged)

    def stage(self, bi_encoder: Path, repository: Path, fusions: Fusions | None) -> Path:
        """A repository of its own with this version as the only cross-encoder, and a copy of the folder
        ``bi_encoder``."""
        shutil.rmtree(repository, ignore_errors=True)
        shutil.copytree(bi_encoder, repository / "bi_encoder")
        self.write(repository, 1, fusions, "Not measured yet.\n", staged=True)
        return repository

    def _packed(self, model: PreTrainedModel, work: Path) -> Path | None:
        if self.form.device is Device.CPU:
            return None
        return write_packed_weights(model, HALF[self.form.precision], work / WEIGHTS_FILE)

    def _written(self, repository: Path, version: int, content: VersionContent, staged: bool) -> Path:
        if self.form.precision is Precision.INT8:
            return write_model_version(repository, MODEL, version, content)
        on_gpu = self.form.device is Device.GPU and not staged
        options = ServingOptions.for_gpu() if on_gpu else ServingOptions()
        return write_model_version(repository, MODEL, version, content, options, max_graph_mb=MAX_LARGE_GRAPH_MB)
