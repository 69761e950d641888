"""Is the served model the one its files describe, and does it still answer rightly? Golden pairs through Triton decide.

An endpoint is used only after all golden pairs of its newest version were answered within tolerance; afterwards a
few of them are replayed every round. This is what health reports and what ejects an endpoint that lies about itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from gateway.budget import Budget
from gateway.domain import ModelIdentity, Priority
from gateway.encoding.bundle import EncodingBundle, open_bundle
from gateway.encoding.golden import encode_golden
from gateway.errors import CrossrankError, DeadlineTooShort, ModelMismatch, ModelUnavailable
from gateway.ports import ServedModel
from gateway.scoring.endpoints import Endpoint, Endpoints
from gateway.scoring.triton import Inference, pair_tensors

log = structlog.get_logger(__name__)

CHUNK_PAIRS = 16


@dataclass(frozen=True, slots=True)
class VerificationPlan:
    """What is verified and how often. ``encodings`` holds ``<version>/encoding`` folders, as a model repository.

    ``patience_s``: how long a server may answer nobody before a late probe counts as a fault.
    """

    model: str
    encodings: Path
    interval_s: float
    timeout_s: float
    patience_s: float
    replayed_pairs: int = 4


class Verification:
    """Runs rounds over all endpoints and knows which version serves."""

    def __init__(self, endpoints: Endpoints, plan: VerificationPlan) -> None:
        self._endpoints = endpoints
        self._plan = plan
        self._bundles: dict[str, EncodingBundle] = {}
        self._current: ServedModel | None = None
        self._round = 0
        self._wake = asyncio.Event()
        endpoints.on_ejection = self._wake.set

    def current(self) -> ServedModel:
        """The version to use. Raises ModelUnavailable before the first success."""
        if self._current is None:
            faults = "; ".join(f"{one.connection.url}: {one.fault}" for one in self._endpoints.all)
            raise ModelUnavailable(f"no version of {self._plan.model!r} is verified yet ({faults})")
        return self._current

    async def run(self) -> None:
        """Rounds forever; an ejection starts one at once. Cancel to stop."""
        while True:
            self._wake.clear()
            try:
                await self.verify_all()
            except Exception:  # a round may fail in ways nobody foresaw; the rounds must go on
                log.exception("verification_round_failed")
            try:
                await asyncio.wait_for(self._wake.wait(), self._plan.interval_s)
                await asyncio.sleep(self._plan.interval_s / 5)
            except TimeoutError:
                continue

    async def verify_all(self) -> None:
        """One round over all endpoints; faults end up in the endpoints, never here."""
        self._round += 1
        await asyncio.gather(*(self._verify(endpoint) for endpoint in self._endpoints.all))
        self._choose_version()

    async def _verify(self, endpoint: Endpoint) -> None:
        try:
            await self._verify_newest(endpoint)
        except DeadlineTooShort as fault:
            # A late probe says "busy" as long as the server answers anybody; silence says "broken".
            answered_at = max(endpoint.last_answer_at, endpoint.last_right_at)
            if not endpoint.usable or self._endpoints.clock() - answered_at > self._plan.patience_s:
                self._reject(endpoint, fault.message)
        except (CrossrankError, OSError, ValueError, KeyError) as fault:
            self._reject(endpoint, str(fault))
        else:
            if not endpoint.usable:
                log.info("endpoint_verified", url=endpoint.connection.url, versions=sorted(endpoint.verified))
            self._endpoints.admit(endpoint)

    async def _verify_newest(self, endpoint: Endpoint) -> None:
        versions = await endpoint.connection.versions(self._plan.model, self._plan.timeout_s)
        if not versions:
            raise ModelUnavailable(f"no version of {self._plan.model!r} is loaded")
        newest = versions[-1]
        bundle = self._bundle(newest)
        endpoint.verified.intersection_update(versions)
        if newest in endpoint.verified:
            await self._replay(endpoint, newest, self._next_numbers(len(bundle.golden.pairs)))
            if newest not in endpoint.verified:
                # A call failed meanwhile: the answer may be older than that, and is too little to start again on.
                raise ModelUnavailable("it was ejected while golden pairs were replayed")
            return
        await self._check_fingerprint(endpoint, newest, bundle)
        for start in range(0, len(bundle.golden.pairs), CHUNK_PAIRS):
            await self._replay(endpoint, newest, range(len(bundle.golden.pairs))[start : start + CHUNK_PAIRS])
        endpoint.verified.add(newest)

    async def _check_fingerprint(self, endpoint: Endpoint, version: str, bundle: EncodingBundle) -> None:
        parameters = await endpoint.connection.parameters(self._plan.model, self._plan.timeout_s)
        served = parameters.get(f"encoding_fingerprint.{version}", parameters.get("encoding_fingerprint", ""))
        if served != bundle.fingerprint:
            raise ModelMismatch(
                f"{self._plan.model} version {version}: Triton serves encoding fingerprint {served!r}, the files "
                f"here have {bundle.fingerprint!r}: deploy gateway and model repository from one export"
            )
        if faults := bundle.golden.token_faults(bundle.encoder):
            raise ModelMismatch(f"{self._plan.model} version {version}: {faults[0]} ({len(faults)} in all)")

    async def _replay(self, endpoint: Endpoint, version: str, numbers: Sequence[int]) -> None:
        bundle = self._bundle(version)
        pairs = [encode_golden(bundle.encoder, bundle.golden.pairs[number]) for number in numbers]
        logits = await endpoint.connection.infer(
            Inference(
                model=self._plan.model,
                version=version,
                inputs=pair_tensors(pairs),
                output="logit",
                priority=Priority.INTERACTIVE,
                budget=Budget(self._plan.timeout_s),
            )
        )
        if faults := bundle.golden.logit_faults(logits[:, 0], numbers):
            raise ModelMismatch(f"{self._plan.model} version {version}: {faults[0]} ({len(faults)} in all)")

    def _next_numbers(self, count: int) -> list[int]:
        start = self._round * self._plan.replayed_pairs
        return [(start + step) % count for step in range(min(count, self._plan.replayed_pairs))]

    def _bundle(self, version: str) -> EncodingBundle:
        if version not in self._bundles:
            self._bundles[version] = open_bundle(self._plan.encodings / version / "encoding")
        return self._bundles[version]

    def _reject(self, endpoint: Endpoint, fault: str) -> None:
        if endpoint.usable or endpoint.fault != fault:
            log.warning("endpoint_rejected", url=endpoint.connection.url, fault=fault)
        self._endpoints.eject(endpoint, fault)
        endpoint.fault = fault
        endpoint.verified.clear()

    def _choose_version(self) -> None:
        """The newest version that all usable endpoints verified; else the newest that any did."""
        verified = [endpoint.verified for endpoint in self._endpoints.all if endpoint.usable]
        if not verified:
            return
        common = set.intersection(*verified) or set.union(*verified)
        version = max(common, key=int)
        if self._current is None or self._current.identity.version != version:
            bundle = self._bundle(version)
            self._current = ServedModel(ModelIdentity(self._plan.model, version, bundle.fingerprint), bundle)
            log.info("model_version_chosen", model=self._plan.model, version=version, fingerprint=bundle.fingerprint)
