"""A trained run to a model version that Triton can load: graph, int8, encoding with golden pairs, card."""

import hashlib
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from transformers import AutoModelForSequenceClassification, PreTrainedModel

from gateway.encoding.bundle import fingerprint_of, write_bundle
from gateway.encoding.fusion import LOGIT_FUSION, Fusion
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from training.config import TrainingConfig
from training.dataset import Dataset
from training.export.compare import score_graph
from training.export.graph import export_cross_encoder
from training.export.manifest import sha256_of
from training.export.quantize import quantize
from training.export.version import VersionContent, write_model_version
from training.fusion import fit_fusion
from training.fusion_baseline import write_baseline
from training.fusion_table import FusionTable
from training.golden import golden_inputs, golden_set, tolerance_of
from training.model import base_model_path, tokenizer_path
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Fusions:
    """The fused score, and the same without the logit."""

    served: Fusion
    without_logit: Fusion


class Release:
    """Exports one run once; writes versions with different fusions and cards from the same graph."""

    def __init__(self, config: TrainingConfig, dataset: Dataset, folder: RunFolder) -> None:
        self._config = config
        self._dataset = dataset
        self._folder = folder
        self._tokenizer = tokenizer_path(base_model_path(config.base_model))

    @property
    def graph(self) -> Path:
        """The int8 graph, exported and quantised when it is not there yet. Raises RunIncomplete."""
        graph = self._folder.root / "model.onnx"
        if not graph.is_file():
            model = self._model()
            with tempfile.TemporaryDirectory(dir=self._folder.root) as work:
                fp32 = export_cross_encoder(model, Path(work) / "fp32.onnx")
                quantize(fp32, Path(work) / "int8.onnx").replace(graph)
        return graph

    def digest(self, fusions: Fusions | None) -> str:
        """Of all that decides how this run ranks a list: graph, encoding, fused score."""
        fusion = fusions.served if fusions else LOGIT_FUSION
        spec = replace(self._config.encoding(), fusion=fusion.spec).to_json()
        parts = (sha256_of(self.graph), sha256_of(self._tokenizer), spec, fusion.trees.text if fusion.trees else "")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def write(self, repository: Path, version: int, fusions: Fusions | None, card: str) -> Path:
        """A version folder in ``repository``. Without fusions the logit alone ranks."""
        fusion = fusions.served if fusions else LOGIT_FUSION
        spec = replace(self._config.encoding(), fusion=fusion.spec)
        encoder = PairEncoder(spec, open_tokenizer(self._tokenizer))
        model = self._model()
        inputs = golden_inputs(self._dataset, self._config.text.item_fields)
        golden = golden_set(inputs, encoder, model, self._tokenizer, tolerance=0.0)
        served = score_graph(self.graph, golden.encode(encoder))
        expected = [pair.logit for pair in golden.pairs]
        golden = replace(golden, tolerance=tolerance_of(expected, served.tolist()))
        with tempfile.TemporaryDirectory(dir=self._folder.root) as work:
            encoding = Path(work) / "encoding"
            write_bundle(encoding, spec, self._tokenizer, golden, fusion.trees)
            if fusions:
                write_baseline(encoding, fusions.without_logit)
            config = Path(work) / "config.json"
            model.config.to_json_file(config, use_diff=False)
            content = VersionContent(
                graph=self.graph,
                transformers_config=config,
                card=card,
                encoding=encoding,
                encoding_fingerprint=fingerprint_of(encoding),
            )
            written: Path = write_model_version(repository, "cross_encoder", version, content)
            return written

    def stage(self, models: Path, repository: Path, fusions: Fusions | None, card: str) -> Path:
        """A repository of its own with this version as the only cross-encoder and ``models``' bi-encoder."""
        shutil.rmtree(repository, ignore_errors=True)
        shutil.copytree(models / "bi_encoder", repository / "bi_encoder")
        self.write(repository, 1, fusions, card)
        return repository

    def _model(self) -> PreTrainedModel:
        model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(self._folder.trained_model())
        model.eval()
        return model


def fit_fusions(table: FusionTable, config: TrainingConfig) -> Fusions:
    """Both fusions, fitted on lists that the cross-encoder was not trained on."""
    return Fusions(
        served=fit_fusion(table, config.fusion, config.seed),
        without_logit=fit_fusion(table.without_logit(), config.fusion, config.seed),
    )
