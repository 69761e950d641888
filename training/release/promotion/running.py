"""Brings a version to serve in a running stack: Triton loads what the repository says now, and the gateway tells when
it has proved the version and serves it. Writes no file."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from crossrank_client import CrossrankCallError, CrossrankClient
from training.release.errors import NotServed
from training.release.gateway_client import Connect, to_open_gateway
from training.release.repository.model_folder import ModelFolder

_POLL_S = 0.1
_CALL_S = 2.0
_LOGS = "crossrank logs gateway and crossrank logs triton say why"


@dataclass(frozen=True, slots=True)
class RunningStack:
    """``triton_headers``: what opens Triton's control. ``load_s``: for Triton to load; ``prove_s``: from then on for
    the gateway to serve what was loaded."""

    triton_url: str
    triton_headers: Mapping[str, str]
    gateway_url: str
    model: ModelFolder
    load_s: float
    prove_s: float
    connect: Connect = to_open_gateway

    def switch(self, version: int) -> None:
        """Returns when ``version`` serves. Until then the version before answers every request, and Triton has both
        loaded. Raises NotServed."""
        self._load(version)
        asyncio.run(self._await_served(version, time.monotonic() + self.prove_s))

    def serving(self) -> str:
        """The version that the gateway serves, "" when it serves none. Raises NotServed when it does not answer."""
        try:
            return asyncio.run(self._ask()) or ""
        except CrossrankCallError as fault:
            raise NotServed(
                f"the gateway at {self.gateway_url} does not answer: {fault}", "crossrank status"
            ) from fault

    def _load(self, version: int) -> None:
        client = InferenceServerClient(self.triton_url)
        try:
            client.load_model(self.model.root.name, headers=dict(self.triton_headers), client_timeout=self.load_s)
        except InferenceServerException as fault:
            raise NotServed(f"Triton does not load version {version}: {fault.message()}", _LOGS) from fault
        finally:
            client.close()

    async def _ask(self) -> str | None:
        async with self.connect(self.gateway_url, _CALL_S) as client:
            return (await _served(client))[0]

    async def _await_served(self, version: int, ends_at: float) -> None:
        wanted = (str(version), self.model.fingerprint(version))
        found, fault = ("", ""), ""
        async with self.connect(self.gateway_url, _CALL_S) as client:
            while found != wanted:
                if time.monotonic() > ends_at:
                    seen = fault or f"it serves version {found[0] or 'none'}"
                    raise NotServed(
                        f"the gateway does not serve version {version} after {self.prove_s:g} s: {seen}", _LOGS
                    )
                await asyncio.sleep(_POLL_S)
                try:
                    found, fault = await _served(client), ""
                except CrossrankCallError as error:
                    fault = str(error)


async def _served(client: CrossrankClient) -> tuple[str, str]:
    """Version and encoding fingerprint of the model that answers now."""
    models = (await client.get_info()).models
    return (models[0].version, models[0].encoding_fingerprint) if models and models[0].ready else ("", "")
