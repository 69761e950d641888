"""Every knob once: name, unit, default, bounds and why. The only reader of the environment (prefix ``CROSSRANK_``)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.address import Address, CannotListen, is_loopback

PREFIX = "CROSSRANK_"
CLIENT_PREFIX = f"{PREFIX}CLIENT_"
"""Of variables that the command line reads: how to call a gateway."""

READING = ("auto", "always", "never")
_RANKER = "ranker:"
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


class SettingsInvalid(ValueError):
    """Some settings cannot be used; the message lists all of them with value, bounds and variable."""


def _knob(default: Any, why: str, unit: str = "", bounds: tuple[float, float] | None = None) -> Any:
    return field(default=default, metadata={"why": why, "unit": unit, "bounds": bounds})


@dataclass(frozen=True, slots=True)
class Settings:
    """The gateway's settings. Read them with ``read_settings``."""

    listen: str = _knob("127.0.0.1:50051", "where the gRPC API listens", "host:port")
    metrics_listen: str = _knob("127.0.0.1:9090", "where Prometheus scrapes; empty or taken: nowhere", "host:port")
    processes: int = _knob(
        1,
        "gateways of the local stack behind one port, each with a cache, pool and admission, and metrics one port up",
        "",
        (1, 64),
    )
    reflection: bool = _knob(True, "serve gRPC reflection; switch off where the API must not describe itself")
    drain_s: float = _knob(0.0, "between NOT_SERVING and refusing calls; on Kubernetes 5", "s", (0, 300))
    tls_certificate: str = _knob("", "PEM chain of the server, read for each connection; empty: plain text", "path")
    tls_key: str = _knob("", "PEM key of the server", "path")
    tls_client_ca: str = _knob("", "PEM of the authority that client certificates must come from; empty: none", "path")
    identities: str = _knob("", "TOML of callers, their roles and proofs; empty: nobody is asked who calls", "path")
    open_to_all: bool = _knob(False, "needed beyond loopback without identities: the network decides who may call all")
    jwt_keys: str = _knob("", "JSON Web Key Set that tokens are verified with; empty: no tokens", "path or URL")
    jwt_issuer: str = _knob("", "iss that a token must have")
    jwt_audience: str = _knob("", "aud that a token must have")
    health_listen: str = _knob("", "health alone, in plain text, for probes without TLS; empty: nowhere", "host:port")
    log_level: str = _knob("info", "debug, info, warning or error")

    postgres_url: str = _knob("postgresql://127.0.0.1:5432/crossrank", "catalogue, histories, impressions", "URL")
    impression_days: int = _knob(90, "how long lists that were shown are kept", "days", (1, 3650))
    postgres_connections: int = _knob(8, "pool size; a recommendation holds at most 8 at a time", "", (1, 200))

    triton_urls: str = _knob("127.0.0.1:8001", "Triton's gRPC endpoints, separated by commas", "host:port,…")
    model: str = _knob("cross_encoder", "name of the cross-encoder on Triton and in the model repository")
    embedding_model: str = _knob("bi_encoder", "name of the bi-encoder on Triton and in the model repository")
    model_repository: str = _knob(
        "model_repository", "the repository that Triton loads: encodings are read here", "path"
    )
    verify_interval_s: float = _knob(0.5, "how often golden pairs are replayed through Triton", "s", (0.05, 60))
    verify_timeout_s: float = _knob(
        1.5, "longest wait for a golden answer; Triton needs a second to see that a worker is dead", "s", (0.05, 60)
    )
    serving_window_s: float = _knob(
        3.0, "health says SERVING while a right answer is not older; longer silence ejects a server", "s", (0.1, 600)
    )

    default_deadline_s: float = _knob(1.0, "budget of a call that brings no deadline", "s", (0.01, 60))
    max_deadline_s: float = _knob(5.0, "longest budget of a call", "s", (0.01, 60))
    answer_reserve_s: float = _knob(0.03, "kept back from the budget to build and send the answer", "s", (0.001, 1))
    candidates_share: float = _knob(0.4, "share of the budget that fetching candidates may use", "", (0.05, 0.95))
    cold_share: float = _knob(
        0.1,
        "share of a list's candidates kept for items that nobody liked, nearest by text; 0: none",
        "",
        (0, 0.5),
    )
    default_candidates: int = _knob(100, "candidates when a request names no limit", "items", (1, 1000))
    default_top_n: int = _knob(10, "items returned when a request names no top_n", "items", (1, 1000))
    max_candidates: int = _knob(1000, "candidates of one request", "items", (1, 10000))
    max_request_bytes: int = _knob(8 * 2**20, "largest request message", "bytes", (4096, 2**30))

    max_tokens_in_flight: int = _knob(
        200_000,
        "most model work admitted at a time; less where the model would need over half the default deadline",
        "tokens",
        (1000, 10**9),
    )
    batch_share: float = _knob(0.5, "share of it that batch requests may fill", "", (0, 1))
    overload_retry_after_s: float = _knob(0.2, "hint to a refused caller", "s", (0.01, 60))
    chunk_tokens: int = _knob(
        1024, "padded tokens of one model request: small enough to share a batch", "tokens", (1, 65536)
    )
    chunk_pairs: int = _knob(
        32, "pairs of one model request: at most half the model's largest batch", "pairs", (1, 512)
    )
    batch_chunks: int = _knob(
        4, "model requests of batch priority at a time: what an interactive one may find before it", "", (1, 10_000)
    )
    cache_entries: int = _knob(
        200_000, "scores kept in each process, up to 360 bytes each; 0: none", "scores", (0, 10**8)
    )
    cache_redis_url: str = _knob("", "Redis that all gateways share as a second tier of scores; empty: none", "URL")
    cache_redis_ttl_s: float = _knob(86_400.0, "how long Redis keeps a score", "s", (1, 10**8))
    cache_redis_timeout_s: float = _knob(
        0.01, "longest wait for Redis; then it counts as a miss, and is not asked for ten times that", "s", (0.001, 1)
    )
    cache_warm_users: int = _knob(
        0,
        "users seen last whose lists are scored ahead at the start and for a new model version",
        "users",
        (0, 10**6),
    )
    item_bytes: int = _knob(
        64 * 2**20, "of items that each process keeps, some 3,000 an item; 0: none", "bytes", (0, 2**36)
    )
    item_text_bytes: int = _knob(
        16 * 2**20,
        "of token ids of inline items that each process keeps, some 700 an item; 0: none",
        "bytes",
        (0, 2**34),
    )

    ranker: str = _knob(
        "auto", "what orders lists: the newest ranker that index fitted, first_stage, or a version of one"
    )
    reading: str = _knob("auto", "when the cross-encoder reads: where its version was shown to pay, always, or never")
    ranker_interval_s: float = _knob(2.0, "how often a newer ranker is looked for", "s", (0.1, 3600))
    signal_items: int = _knob(
        10_000, "items whose relations each process keeps, up to 12 kB each; 0: none", "items", (0, 10**7)
    )

    challenger: str = _knob(
        "",
        "on trial beside what serves: a version of the model, the name of another model, ranker:VERSION or "
        "ranker:first_stage; empty: nothing",
    )
    shadow_share: float = _knob(
        0.0, "share of users whose lists the challenger orders too, unseen, to be compared", "", (0, 1)
    )
    shadow_lists: int = _knob(2, "lists that the challenger orders unseen at a time", "lists", (1, 64))
    shadow_waiting: int = _knob(16, "lists that may wait for that; more are dropped and counted", "lists", (0, 10_000))
    shadow_deadline_s: float = _knob(
        2.0, "longest time for one of them, and for all of them at the end", "s", (0.05, 60)
    )
    canary_share: float = _knob(0.0, "share of users whom the challenger answers, the same ones always", "", (0, 1))


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment. Raises SettingsInvalid for unknown variables and bad values, all at once."""
    given = os.environ if environment is None else environment
    known = {PREFIX + one.name.upper(): one for one in fields(Settings)}
    faults = [
        f"{name} is not a setting; see the table of settings in gateway/README.md"
        for name in given
        if name.startswith(PREFIX) and not name.startswith(CLIENT_PREFIX) and name not in known
    ]
    values: dict[str, Any] = {}
    for variable, one in known.items():
        if variable in given:
            try:
                values[one.name] = _parse(given[variable], type(one.default), one.metadata["bounds"])
            except ValueError as fault:
                faults.append(f"{variable}={given[variable]!r}: {fault}")
    if not faults:
        faults = _contradictions(Settings(**values))
    if faults:
        raise SettingsInvalid("\n".join(faults))
    return Settings(**values)


def _contradictions(settings: Settings) -> list[str]:
    faults = []
    if settings.max_deadline_s < settings.default_deadline_s:
        faults.append(f"{PREFIX}MAX_DEADLINE_S is below {PREFIX}DEFAULT_DEADLINE_S: raise it")
    if settings.cache_redis_url and not settings.cache_redis_url.startswith(_REDIS_SCHEMES):
        faults.append(f"{PREFIX}CACHE_REDIS_URL is no URL of a Redis: begin it with one of {', '.join(_REDIS_SCHEMES)}")
    if settings.reading not in READING:
        faults.append(f"{PREFIX}READING is {settings.reading!r}: give one of {', '.join(READING)}")
    return faults + _contradictions_of_trial(settings) + _tls_faults(settings) + _identity_faults(settings)


def _contradictions_of_trial(settings: Settings) -> list[str]:
    serves = {settings.model: "model", f"{_RANKER}{settings.ranker}": "ranker"}
    faults = [
        f"{PREFIX}{name.upper()} is above 0 without {PREFIX}CHALLENGER: name what is on trial"
        for name in ("shadow_share", "canary_share")
        if getattr(settings, name) and not settings.challenger
    ]
    if settings.challenger in serves:
        kind = serves[settings.challenger]
        faults.append(f"{PREFIX}CHALLENGER is the {kind} that serves: name another version, or another model")
    elif settings.challenger in {_RANKER, f"{_RANKER}auto"}:
        faults.append(f"{PREFIX}CHALLENGER is {settings.challenger!r}, no version: crossrank rankers lists them")
    return faults


def _tls_faults(settings: Settings) -> list[str]:
    """TLS is whole or absent: a part of it must never mean plain text."""
    given = _given(settings, "tls_certificate", "tls_key", "tls_client_ca")
    return _missing(given, ("TLS_CERTIFICATE", "TLS_KEY"), "plain text") + _lost(given)


def _identity_faults(settings: Settings) -> list[str]:
    """Nobody is asked who calls on loopback, or where it was said so; half an identity is none."""
    tokens = _given(settings, "jwt_keys", "jwt_issuer", "jwt_audience")
    faults = _missing(tokens, ("JWT_KEYS", "JWT_ISSUER", "JWT_AUDIENCE"), "no tokens")
    if tokens and not settings.identities:
        faults.append(f"{' and '.join(tokens)} without {PREFIX}IDENTITIES: name the file with the subjects' roles")
    if settings.identities and settings.open_to_all:
        faults.append(f"{PREFIX}OPEN_TO_ALL contradicts {PREFIX}IDENTITIES: unset one of them")
    if not (settings.identities or settings.open_to_all or _only_here(settings.listen)):
        faults.append(
            f"{PREFIX}LISTEN={settings.listen!r} is open to others, and nobody is asked who calls: set "
            f"{PREFIX}IDENTITIES, or {PREFIX}OPEN_TO_ALL=true where the network decides who may call everything"
        )
    keys = settings.jwt_keys
    if "://" in keys and not (keys.startswith("https://") or is_loopback(urlsplit(keys).hostname or "")):
        faults.append(f"{PREFIX}JWT_KEYS={keys!r} could be forged on its way: use https:// or a file")
    files = _given(settings, "identities") | ({} if "://" in keys else _given(settings, "jwt_keys"))
    return faults + _lost(files)


def _only_here(listen: str) -> bool:
    try:
        return Address.parse(listen).is_loopback
    except CannotListen:
        return True  # the server says so, and nobody listens


def _given(settings: Settings, *names: str) -> dict[str, str]:
    return {PREFIX + name.upper(): value for name in names if (value := getattr(settings, name))}


def _missing(given: Mapping[str, str], needed: Sequence[str], otherwise: str) -> list[str]:
    return [
        f"{PREFIX}{name} is missing beside {' and '.join(given)}: set it, or unset those for {otherwise}"
        for name in needed
        if given and PREFIX + name not in given
    ]


def _lost(files: Mapping[str, str]) -> list[str]:
    return [f"{name}={path!r} is no file: correct the path" for name, path in files.items() if not Path(path).is_file()]


def ranker_on_trial(settings: Settings) -> str:
    """Its version, or first_stage; empty where no ranker is on trial."""
    return settings.challenger.removeprefix(_RANKER) if settings.challenger.startswith(_RANKER) else ""


def encodings_folder(settings: Settings) -> Path:
    """Where the versions of the cross-encoder lie."""
    return Path(settings.model_repository) / settings.model


def _parse(text: str, kind: type, bounds: tuple[float, float] | None) -> Any:
    if kind is bool:
        if text.lower() not in {"true", "false", "1", "0"}:
            raise ValueError("must be true or false")
        return text.lower() in {"true", "1"}
    if kind is str:
        return text
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"must be {'a whole number' if kind is int else 'a number'}") from None
    if bounds and not bounds[0] <= value <= bounds[1]:
        raise ValueError(f"must be {bounds[0]:g} to {bounds[1]:g}")
    return value
