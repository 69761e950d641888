"""Is the served model the one its files describe, and does it still answer rightly? Golden pairs through Triton decide.

An endpoint is used only after all golden pairs of the version it wants served were answered within tolerance;
afterwards a few of them are replayed every round. This is what health reports and what ejects an endpoint that lies
about itself. A version that does not prove itself is refused, and another one that does serves: the one that served
last, else the newest.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, ModelMismatch, ModelUnavailable
from gateway.domain.manifest import check_files
from gateway.domain.values import ModelIdentity
from gateway.encoding.bundle import EncodingBundle, fingerprint_of, open_bundle
from gateway.encoding.golden import encode_golden
from gateway.ports import ServedModel
from gateway.scoring.endpoints import Endpoint, Endpoints
from gateway.scoring.rounds import Rounds, RoundTimes, whatever_is_raised
from gateway.scoring.triton import Inference, pair_tensors

log = structlog.get_logger(__name__)

CHUNK_PAIRS = 8
"""Of the golden pairs, so many that each of a few instances answers some of them."""

ENCODING = "encoding"
"""Of a version's folder, what the gateway reads."""

SERVING_VERSION = "serving_version"
"""Parameter of the model's configuration: the version that is to serve. Without it the newest loaded one is."""


@dataclass(frozen=True, slots=True)
class VerificationPlan:
    """What is verified and how often. ``encodings`` holds ``<version>/encoding`` folders, as a model repository.

    ``patience_s``: how long a server may answer nobody before a late probe counts as a fault.
    ``only``: the one version to use, though others may be newer. ``never``: a version that is not to be used, though it
    be the newest. Both empty: the one that the model's configuration names, else the newest.
    ``chunk_pairs``: the most pairs of one request, which the server must take.
    """

    model: str
    encodings: Path
    interval_s: float
    timeout_s: float
    patience_s: float
    replayed_pairs: int = 4
    only: str = ""
    never: str = ""
    chunk_pairs: int = 0

    def allowed(self, versions: Sequence[str]) -> list[str]:
        """Those of the loaded versions that may be used."""
        return [one for one in versions if one != self.never and self.only in {"", one}]

    def wanted(self, versions: Sequence[str], serving: str) -> str:
        """Which of the loaded versions is to be used: ``serving``, the one that the configuration names, else the
        newest. Raises ModelUnavailable when there is none."""
        usable = self.allowed(versions)
        if serving and serving != self.never and not self.only:
            return serving
        if not usable:
            asked = f"version {self.only}" if self.only else "version"
            raise ModelUnavailable(
                f"no {asked} of {self.model!r} is loaded (versions: {', '.join(versions) or 'none'})"
            )
        return usable[-1]


class Verification(Rounds):
    """Runs rounds over all endpoints and knows which version serves."""

    def __init__(self, endpoints: Endpoints, plan: VerificationPlan) -> None:
        super().__init__(endpoints, plan.model, RoundTimes(plan.interval_s, plan.patience_s))
        self._plan = plan
        self._bundles: dict[str, EncodingBundle] = {}
        self._current: ServedModel | None = None
        self._round = 0

    def current(self) -> ServedModel:
        """The version to use. Raises ModelUnavailable before the first success."""
        if self._current is None:
            faults = "; ".join(f"{one.connection.url}: {one.fault}" for one in self._endpoints.all)
            raise ModelUnavailable(f"no version of {self._plan.model!r} is verified yet ({faults})")
        return self._current

    def identity(self) -> ModelIdentity:
        """Of the version to use; before the first success what the plan says of it."""
        return self._current.identity if self._current else ModelIdentity(self._plan.model, self._plan.only, "")

    async def verify_all(self) -> None:
        """One round over all endpoints, and the version that is to serve after it."""
        self._round += 1
        await super().verify_all()
        self._choose_version()

    async def prove(self, endpoint: Endpoint) -> None:
        """Golden pairs of the version wanted; all where it proved nothing yet. Raises CrossrankError."""
        versions = await endpoint.connection.versions(self._plan.model, self._plan.timeout_s)
        configuration = await endpoint.connection.configuration(self._plan.model, self._plan.timeout_s)
        self._check_requests_fit(configuration.max_batch_size)
        parameters = configuration.parameters
        endpoint.verified.intersection_update(versions)
        endpoint.wanted = self._plan.wanted(versions, parameters.get(SERVING_VERSION, ""))
        if endpoint.wanted in endpoint.verified:
            await self._replay_some(endpoint, endpoint.wanted)
            return
        try:
            await self._prove(endpoint, endpoint.wanted, parameters)
        except CrossrankError as fault:
            if not await self._prove_another(endpoint, versions, parameters):
                raise
            self._refuse(endpoint, fault.message)

    def _check_requests_fit(self, max_batch_size: int) -> None:
        if self._plan.chunk_pairs > max_batch_size:
            raise ModelMismatch(
                f"{self._plan.model}: requests have up to {self._plan.chunk_pairs} pairs (CROSSRANK_CHUNK_PAIRS), and "
                f"Triton takes at most {max_batch_size} (max_batch_size): lower the one or raise the other"
            )

    async def _prove_another(self, endpoint: Endpoint, versions: Sequence[str], parameters: Mapping[str, str]) -> bool:
        """Whether some other version than the one wanted is right: the one that served last, else the newest."""
        last = self._current.identity.version if self._current else ""
        others = [one for one in self._plan.allowed(versions) if one != endpoint.wanted]
        for version in sorted(others, key=lambda one: (one == last, int(one)), reverse=True):
            if version in endpoint.verified:
                await self._replay_some(endpoint, version)
                return True
            try:
                await self._prove(endpoint, version, parameters)
            except CrossrankError as fault:
                log.debug("model_version_unproven", url=endpoint.connection.url, version=version, fault=fault.message)
            else:
                return True
        return False

    async def _prove(self, endpoint: Endpoint, version: str, parameters: Mapping[str, str]) -> None:
        """Fingerprint, token ids and all golden pairs. Raises ModelMismatch, and as Connection does."""
        with whatever_is_raised():
            bundle = await asyncio.to_thread(self._read, version)
            _check_fingerprint(self._plan.model, version, parameters, bundle)
            numbers = range(len(bundle.golden.pairs))
            for start in range(0, len(numbers), CHUNK_PAIRS):
                await self._replay(endpoint, version, numbers[start : start + CHUNK_PAIRS])
        endpoint.verified.add(version)

    async def _replay_some(self, endpoint: Endpoint, version: str) -> None:
        await self._replay(endpoint, version, self._next_numbers(len(self._bundles[version].golden.pairs)))
        if version not in endpoint.verified:
            # A call failed meanwhile: the answer may be older than that, and is too little to start again on.
            raise ModelUnavailable("it was ejected while golden pairs were replayed")

    async def _replay(self, endpoint: Endpoint, version: str, numbers: Sequence[int]) -> None:
        bundle = self._bundles[version]
        pairs = [encode_golden(bundle.encoder, bundle.golden.pairs[number]) for number in numbers]
        inference = Inference(self._plan.model, version, pair_tensors(pairs), "logit", Budget(self._plan.timeout_s))
        logits = inference.checked(await endpoint.connection.infer(inference))
        if faults := bundle.golden.logit_faults(logits[:, 0], numbers):
            raise ModelMismatch(f"{self._plan.model} version {version}: {faults[0]} ({len(faults)} in all)")

    def _next_numbers(self, count: int) -> list[int]:
        start = self._round * self._plan.replayed_pairs
        return [(start + step) % count for step in range(min(count, self._plan.replayed_pairs))]

    def _read(self, version: str) -> EncodingBundle:
        """The files of a version as they are now: a number may come back with other content after a refusal."""
        check_files(self._plan.encodings / version, ENCODING)
        folder = self._plan.encodings / version / ENCODING
        known = self._bundles.get(version)
        if known is None or known.fingerprint != fingerprint_of(folder):
            self._bundles[version] = open_bundle(folder)
        return self._bundles[version]

    def _refuse(self, endpoint: Endpoint, fault: str) -> None:
        if endpoint.refusal != fault:
            log.warning("model_version_refused", url=endpoint.connection.url, version=endpoint.wanted, fault=fault)
        endpoint.refusal = fault

    def _choose_version(self) -> None:
        """The version that all usable endpoints want and have proved; until then the current one, while all have it."""
        usable = [endpoint for endpoint in self._endpoints.all if endpoint.usable]
        if not usable:
            return
        verified = [endpoint.verified for endpoint in usable]
        common = set.intersection(*verified) or set.union(*verified)
        wanted = {endpoint.wanted for endpoint in usable}
        current = self._current.identity.version if self._current else ""
        if len(wanted) == 1 and wanted <= common:
            (version,) = wanted
        else:
            version = current if current in common else max(common, key=int)
        bundle = self._bundles[version]
        identity = ModelIdentity(self._plan.model, version, bundle.fingerprint)
        if self._current is None or self._current.identity != identity:
            self._current = ServedModel(identity, bundle)
            log.info("model_version_chosen", model=self._plan.model, version=version, fingerprint=bundle.fingerprint)


def _check_fingerprint(model: str, version: str, parameters: Mapping[str, str], bundle: EncodingBundle) -> None:
    served = parameters.get(f"encoding_fingerprint.{version}", parameters.get("encoding_fingerprint", ""))
    if served != bundle.fingerprint:
        raise ModelMismatch(
            f"{model} version {version}: Triton serves encoding fingerprint {served!r}, the files here have "
            f"{bundle.fingerprint!r}: deploy gateway and model repository from one export"
        )
    if faults := bundle.golden.token_faults(bundle.encoder):
        raise ModelMismatch(f"{model} version {version}: {faults[0]} ({len(faults)} in all)")
