"""Does the running stack serve what was trained? Gateway (int8) and fp32 graph on its Triton against the reference."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from crossrank_client import CrossrankClient
from gateway.domain.progress import Advance
from gateway.encoding.bundle import TOKENIZER_FILE, EncodingBundle, open_bundle
from training.errors import TrainingError
from training.export.compare import agreement
from training.release.gateway_client import Connect, to_open_gateway
from training.release.repository.triton_config import read_config
from training.release.repository.version import CONFIGURATION, worker_files
from training.release.verification.hosted import hosted, hosted_logits
from training.release.verification.lists import ListPlan, VerificationList, draw_lists, encoded_pairs, pair_texts
from training.release.verification.reference import Logits, Reference, fp32_graph, fp32_model
from training.release.verification.served import read_catalogue, served_logits

MAX_DLOGIT_FP32 = 1e-4
MIN_KENDALL_TAU_INT8 = 0.98


class VersionMismatch(TrainingError):
    """The gateway serves another version than the folder given."""


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What `crossrank verify` prints. Kendall's τ-b is the lowest of all lists; the mean stands beside it."""

    max_abs_dlogit_fp32: float
    max_abs_dlogit_int8: float
    kendall_tau_int8: float
    kendall_tau_int8_mean: float
    pairs: int
    lists: int
    reference: str
    model: str
    model_version: str
    encoding_fingerprint: str

    @property
    def faults(self) -> list[str]:
        """Which bounds do not hold; empty when the model serves what was trained."""
        found = []
        if not self.max_abs_dlogit_fp32 <= MAX_DLOGIT_FP32:
            found.append(f"fp32 logits differ by {self.max_abs_dlogit_fp32:.2e}; at most {MAX_DLOGIT_FP32:g}")
        if not self.kendall_tau_int8 >= MIN_KENDALL_TAU_INT8:
            found.append(f"a list has Kendall tau {self.kendall_tau_int8:.4f}; at least {MIN_KENDALL_TAU_INT8:g}")
        return found

    def to_json(self) -> dict[str, object]:
        """The report with its verdict."""
        return {**asdict(self), "faults": self.faults}


@dataclass(frozen=True, slots=True)
class Verifier:
    """One served model version and the stack that serves it. ``triton_headers``: what opens Triton's control.
    ``checkpoint``: a folder with the trained fp32 weights; None: the reference is rebuilt from the shipped graph."""

    version_folder: Path
    gateway_url: str
    triton_url: str
    triton_headers: Mapping[str, str]
    checkpoint: Path | None
    plan: ListPlan
    connect: Connect = to_open_gateway

    async def run(self, advance: Advance) -> VerificationReport:
        """Compares all pairs; ``advance`` gets the pairs done. Raises TrainingError or CrossrankCallError."""
        bundle = open_bundle(self.version_folder / "encoding")
        model = fp32_model(self.version_folder, self.checkpoint)
        async with self.connect(self.gateway_url, 5.0) as client:
            await self._require_version(client, bundle)
            lists = draw_lists(await read_catalogue(client), self.plan)
            served = [await served_logits(client, one, self.plan.seed + number) for number, one in enumerate(lists)]
        reference = Reference(model, self.version_folder / "encoding" / TOKENIZER_FILE, bundle.encoder)
        expected = [reference.score(*pair_texts(bundle.encoder, one), advance) for one in lists]
        fp32 = agreement(expected, await self._host(fp32_graph(model), bundle, lists))
        answers = [(logits, one) for logits, found in zip(expected, served, strict=True) for one in found]
        int8 = agreement([logits for logits, _ in answers], [answer for _, answer in answers])
        return VerificationReport(
            max_abs_dlogit_fp32=fp32.max_abs_dlogit,
            max_abs_dlogit_int8=int8.max_abs_dlogit,
            kendall_tau_int8=int8.lowest_kendall_tau,
            kendall_tau_int8_mean=int8.mean_kendall_tau,
            pairs=sum(len(one.candidates) for one in lists),
            lists=len(lists),
            reference="trained checkpoint" if self.checkpoint else "fp32 model of the shipped weights",
            model=self.version_folder.parent.name,
            model_version=self.version_folder.name,
            encoding_fingerprint=bundle.fingerprint,
        )

    async def _require_version(self, client: CrossrankClient, bundle: EncodingBundle) -> None:
        models = (await client.get_info()).models
        served = [(one.version, one.encoding_fingerprint) for one in models]
        if (self.version_folder.name, bundle.fingerprint) not in served:
            raise VersionMismatch(
                f"the gateway serves {served}, not version {self.version_folder.name} of {self.version_folder.parent}",
                "restart the stack on this model repository, or name its folder with --model-repository",
            )

    async def _host(self, graph: bytes, bundle: EncodingBundle, lists: list[VerificationList]) -> list[Logits]:
        config = read_config(self.version_folder.parent / CONFIGURATION)
        del config.model_warmup[:]
        files = worker_files(self.version_folder, graph)
        async with hosted(self.triton_url, self.triton_headers, config, files) as connection:
            return [
                await hosted_logits(connection, encoded_pairs(bundle.encoder, one), self.plan.seed + number)
                for number, one in enumerate(lists)
            ]
