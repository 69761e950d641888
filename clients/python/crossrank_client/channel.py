"""How the client reaches the service: the service config that ships with the API, and channel options."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import grpc

Options = tuple[tuple[str, Any], ...]

MAX_REQUEST_BYTES = 8 * 2**20
"""The service's default; what it really is stands in GetInfo."""

_KEEPALIVE = (
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)
# A process that dies resets the connections that wait for it. gRPC would try again after a second: longer than all
# retries of a call, and by then another process listens at the same address.
_RECONNECT = (("grpc.initial_reconnect_backoff_ms", 100),)
# Channels to one address would share its connection, and with health-aware balancing the record of its health: gRPC
# shows that record to a second channel before it is complete, which ends the process (HealthWatcher::SetSubchannel in
# grpc's health_check_client.cc).
_OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)
_SIZES = (
    ("grpc.max_send_message_length", -1),  # the service bounds requests, and says so in a typed error
    ("grpc.max_receive_message_length", -1),
)


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """gRPC's service config: retries and load balancing for the channel, a timeout in seconds per method.

    gRPC keeps the config's own timeouts inside the client and a longer timeout of a call would be cut to them: they
    are taken out of the channel's config, and every call sends its timeout as the deadline that the service sees.
    """

    channel_json: str
    timeouts_s: Mapping[str, float]

    def timeout_s(self, method: str) -> float:
        """The timeout of a method named "/service/Method"."""
        service = method.rpartition("/")[0]
        return self.timeouts_s.get(method, self.timeouts_s.get(service, self.timeouts_s[""]))


def shipped_service_config() -> ServiceConfig:
    """The config that is part of the API."""
    return parse_service_config(
        resources.files("crossrank.v1").joinpath("service_config.json").read_text(encoding="utf-8")
    )


def parse_service_config(text: str) -> ServiceConfig:
    """A config from its JSON. Methods without a timeout get the shortest one of the config."""
    config: dict[str, Any] = json.loads(text)
    timeouts_s: dict[str, float] = {}
    for method_config in config["methodConfig"]:
        timeout = method_config.pop("timeout", None)
        if timeout is not None:
            names = ["/" + "/".join(name.values()) for name in method_config["name"]]
            timeouts_s |= dict.fromkeys(names, float(timeout.removesuffix("s")))
    timeouts_s[""] = min(timeouts_s.values())
    return ServiceConfig(json.dumps(config), timeouts_s)


def channel_options(service_config: ServiceConfig) -> Options:
    """Of a channel with retries, load balancing and health-aware balancing of the service config."""
    retries = (("grpc.enable_retries", 1), ("grpc.service_config", service_config.channel_json))
    return (*_KEEPALIVE, *_RECONNECT, *_OWN_CONNECTION, *_SIZES, *retries)


def health_channel_options() -> Options:
    """Of a channel for health calls: one that balances by health would not reach a service that is not healthy."""
    return (*_KEEPALIVE, *_RECONNECT)


def open_channel(kind: Any, target: str, credentials: grpc.ChannelCredentials | None, options: Options) -> Any:
    """A channel of ``grpc``, which threads share, or of ``grpc.aio``, which belongs to the running event loop."""
    if credentials is None:
        return kind.insecure_channel(target, options=options)
    return kind.secure_channel(target, credentials, options=options)
