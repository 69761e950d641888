"""Settings: defaults, bounds, and errors that name variable, value and remedy, all at once."""

from itertools import combinations
from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsInvalid, ranker_on_trial, read_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read_settings({}) == Settings()


def test_variables_are_read_with_their_types() -> None:
    settings = read_settings(
        {"CROSSRANK_LISTEN": "127.0.0.2:1", "CROSSRANK_CHUNK_PAIRS": "7", "CROSSRANK_REFLECTION": "false", "HOME": "x"}
    )
    assert (settings.listen, settings.chunk_pairs, settings.reflection) == ("127.0.0.2:1", 7, False)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("CROSSRANK_CHUNK_PAIRS", "0", "must be 1 to 512"),
        ("CROSSRANK_CHUNK_PAIRS", "many", "must be a whole number"),
        ("CROSSRANK_MAX_DEADLINE_S", "nan", "must be 0.01 to 60"),
        ("CROSSRANK_REFLECTION", "maybe", "must be true or false"),
        ("CROSSRANK_CHUNKPAIRS", "7", "is not a setting"),
        ("CROSSRANK_MAX_DEADLINE_S", "0.5", "is below CROSSRANK_DEFAULT_DEADLINE_S"),
        ("CROSSRANK_SHADOW_SHARE", "0.1", "is above 0 without CROSSRANK_CHALLENGER"),
        ("CROSSRANK_CANARY_SHARE", "0.1", "is above 0 without CROSSRANK_CHALLENGER"),
        ("CROSSRANK_CANARY_SHARE", "1.1", "must be 0 to 1"),
        ("CROSSRANK_CHALLENGER", "cross_encoder", "is the model that serves"),
        ("CROSSRANK_CHALLENGER", "ranker:auto", "is the ranker that serves"),
        ("CROSSRANK_CHALLENGER", "ranker:", "is 'ranker:', no version: crossrank rankers lists them"),
        ("CROSSRANK_CACHE_REDIS_URL", "redis:6379", "is no URL of a Redis: begin it with one of redis://"),
        ("CROSSRANK_CACHE_REDIS_TIMEOUT_S", "0", "must be 0.001 to 1"),
        ("CROSSRANK_READING", "sometimes", "is 'sometimes': give one of auto, always, never"),
        ("CROSSRANK_RANKER_INTERVAL_S", "0", "must be 0.1 to 3600"),
        ("CROSSRANK_SIGNAL_ITEMS", "-1", "must be 0 to "),
    ],
)
def test_a_bad_value_is_refused_with_variable_and_bounds(variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsInvalid, match=expected) as caught:
        read_settings({variable: value})
    assert variable in str(caught.value)


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings({"CROSSRANK_CHUNK_PAIRS": "0", "CROSSRANK_BATCH_SHARE": "2"})
    assert len(str(caught.value).splitlines()) == 2


def test_a_share_with_a_challenger_is_accepted() -> None:
    settings = read_settings({"CROSSRANK_CHALLENGER": "2", "CROSSRANK_SHADOW_SHARE": "0.1"})
    assert (settings.challenger, settings.shadow_share, settings.canary_share) == ("2", 0.1, 0.0)


@pytest.mark.parametrize(
    ("challenger", "ranker"),
    [("2", ""), ("other_model", ""), ("ranker:1f0c", "1f0c"), ("ranker:first_stage", "first_stage")],
)
def test_a_ranker_on_trial_is_told_from_a_model(challenger: str, ranker: str) -> None:
    assert ranker_on_trial(read_settings({"CROSSRANK_CHALLENGER": challenger})) == ranker


TLS = ("CROSSRANK_TLS_CERTIFICATE", "CROSSRANK_TLS_KEY", "CROSSRANK_TLS_CLIENT_CA")


def tls_variables(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Those variables, each with a file that exists."""
    for name in names:
        (folder / name).touch()
    return {name: str(folder / name) for name in names}


@pytest.mark.parametrize("given", [part for size in (1, 2) for part in combinations(TLS, size) if part != TLS[:2]])
def test_a_part_of_tls_is_refused_by_the_names_of_what_is_there_and_what_is_missing(
    tmp_path: Path, given: tuple[str, ...]
) -> None:
    with pytest.raises(SettingsInvalid, match="is missing beside") as caught:
        read_settings(tls_variables(tmp_path, given))
    missing = {name for name in TLS[:2] if name not in given}
    assert {line.partition(" ")[0] for line in str(caught.value).splitlines()} == missing
    assert all(name in str(caught.value) for name in given)


@pytest.mark.parametrize("given", [TLS[:2], TLS])
def test_whole_tls_is_accepted(tmp_path: Path, given: tuple[str, ...]) -> None:
    variables = tls_variables(tmp_path, given)
    assert read_settings(variables).tls_key == variables["CROSSRANK_TLS_KEY"]


@pytest.mark.parametrize("lost", TLS)
def test_a_tls_file_that_does_not_exist_is_named(tmp_path: Path, lost: str) -> None:
    variables = tls_variables(tmp_path, TLS)
    (tmp_path / lost).unlink()
    with pytest.raises(SettingsInvalid, match=f"^{lost}='.*' is no file: correct the path$"):
        read_settings(variables)


OPEN = {"CROSSRANK_LISTEN": "0.0.0.0:50051"}


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_on_loopback_nobody_is_asked_who_calls(listen: str) -> None:
    assert read_settings({"CROSSRANK_LISTEN": listen}).identities == ""


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "gateway.example.org:1", "localhost.evil:1"])
def test_elsewhere_a_gateway_without_identities_does_not_start(listen: str) -> None:
    with pytest.raises(SettingsInvalid, match="nobody is asked who calls: set CROSSRANK_IDENTITIES, or CROSSRANK_OPEN"):
        read_settings({"CROSSRANK_LISTEN": listen})


def test_unless_it_is_said_that_all_may_call_or_there_are_identities(tmp_path: Path) -> None:
    file = tmp_path / "identities.toml"
    file.touch()
    assert read_settings({**OPEN, "CROSSRANK_OPEN_TO_ALL": "true"}).open_to_all
    assert read_settings({**OPEN, "CROSSRANK_IDENTITIES": str(file)}).identities == str(file)
    with pytest.raises(SettingsInvalid, match="CROSSRANK_OPEN_TO_ALL contradicts CROSSRANK_IDENTITIES"):
        read_settings({**OPEN, "CROSSRANK_IDENTITIES": str(file), "CROSSRANK_OPEN_TO_ALL": "true"})


def token_variables(folder: Path, **changes: str) -> dict[str, str]:
    files = {name: folder / name for name in ("CROSSRANK_IDENTITIES", "CROSSRANK_JWT_KEYS")}
    for file in files.values():
        file.touch()
    whole = {"CROSSRANK_JWT_ISSUER": "https://login.example.org", "CROSSRANK_JWT_AUDIENCE": "crossrank"}
    changed = whole | {name: str(file) for name, file in files.items()} | changes
    return {name: value for name, value in changed.items() if value}


@pytest.mark.parametrize("keys", ["", "https://login.example.org/keys", "http://127.0.0.1:1/keys"])
def test_whole_tokens_are_accepted(tmp_path: Path, keys: str) -> None:
    settings = read_settings(token_variables(tmp_path, **({"CROSSRANK_JWT_KEYS": keys} if keys else {})))
    assert settings.jwt_audience == "crossrank"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("CROSSRANK_IDENTITIES", "", "without CROSSRANK_IDENTITIES"),
        ("CROSSRANK_IDENTITIES", "/no/such", "CROSSRANK_IDENTITIES='/no/such' is no file"),
        ("CROSSRANK_JWT_KEYS", "/no/such", "CROSSRANK_JWT_KEYS='/no/such' is no file"),
        ("CROSSRANK_JWT_KEYS", "", "CROSSRANK_JWT_KEYS is missing beside"),
        ("CROSSRANK_JWT_ISSUER", "", "CROSSRANK_JWT_ISSUER is missing beside"),
        ("CROSSRANK_JWT_AUDIENCE", "", "CROSSRANK_JWT_AUDIENCE is missing beside"),
        ("CROSSRANK_JWT_KEYS", "http://login.example.org/keys", "could be forged on its way: use https:// or a file"),
        ("CROSSRANK_JWT_KEYS", "http://127.0.0.1.evil.org/keys", "could be forged"),
        ("CROSSRANK_JWT_KEYS", "ftp://login.example.org/keys", "could be forged"),
    ],
)
def test_half_an_identity_is_refused(tmp_path: Path, variable: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsInvalid, match=expected):
        read_settings(token_variables(tmp_path, **{variable: value}))


def test_variables_of_the_command_line_are_no_settings() -> None:
    assert read_settings({"CROSSRANK_CLIENT_TOKEN_FILE": "x"}) == Settings()
