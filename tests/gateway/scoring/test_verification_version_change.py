"""A server changes to another version only after every usable server proved it; else the one before goes on."""

from pathlib import Path

import pytest

from gateway.domain.errors import ModelUnavailable
from tests.gateway.scoring.verification_rig import Rig


class TwoVersions(Rig):
    """Both servers serve version 1 and have version 2 loaded beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "1", "2")
        for connection in self.connections:
            connection.loaded, connection.serving = ["1", "2"], "1"

    def want(self, version: str) -> None:
        for connection in self.connections:
            connection.serving = version

    @property
    def serves(self) -> str:
        return self.scorer.current().identity.version


@pytest.fixture
async def two(tmp_path: Path) -> TwoVersions:
    rig = TwoVersions(tmp_path)
    await rig.verification.verify_all()
    return rig


async def test_the_version_that_the_configuration_wants_serves_though_a_newer_one_is_loaded(two: TwoVersions) -> None:
    assert two.serves == "1"
    await two.score()
    assert {inference.version for connection in two.connections for inference in connection.inferences} == {"1"}


async def test_a_version_change_needs_the_golden_pairs_of_the_new_one_on_every_server(two: TwoVersions) -> None:
    two.connections[0].serving = "2"
    await two.verification.verify_all()
    assert two.serves == "1", "one server still wants the old one"
    two.want("2")
    await two.verification.verify_all()
    assert two.serves == "2"
    two.want("1")
    await two.verification.verify_all()
    assert two.serves == "1", "rolled back"


async def test_a_version_that_answers_wrongly_is_refused_and_the_one_before_goes_on_serving(two: TwoVersions) -> None:
    for connection in two.connections:
        connection.shifts["2"] = 0.5
    two.want("2")
    await two.verification.verify_all()
    assert two.serves == "1"
    assert all(endpoint.usable and endpoint.verified == {"1"} for endpoint in two.endpoints.all)
    assert all("golden pair 0: logit" in endpoint.refusal for endpoint in two.endpoints.all)
    await two.score()
    for connection in two.connections:
        connection.shifts.clear()
    await two.verification.verify_all()
    assert two.serves == "2", "and it is taken once it proves itself"


async def test_a_server_whose_old_version_fails_too_is_ejected(two: TwoVersions) -> None:
    two.want("2")
    for connection in two.connections:
        connection.shifts = {"1": 0.5, "2": 0.5}
    await two.verification.verify_all()
    assert not any(endpoint.usable for endpoint in two.endpoints.all)


async def test_a_wanted_version_that_is_not_in_the_folder_is_refused_and_the_one_before_serves(
    two: TwoVersions,
) -> None:
    for connection in two.connections:
        connection.loaded = ["1", "2", "3"]
    two.want("3")
    await two.verification.verify_all()
    assert two.serves == "1"
    assert all("3" in endpoint.refusal for endpoint in two.endpoints.all)


async def test_a_number_that_comes_back_with_other_files_is_read_again(tmp_path: Path) -> None:
    rig = TwoVersions(tmp_path)
    golden = tmp_path / "2" / "encoding" / "golden.json"
    right = golden.read_text(encoding="utf-8")
    golden.write_text(right.replace('"tolerance"', ' "tolerance"'), encoding="utf-8")
    await rig.verification.verify_all()
    rig.want("2")
    await rig.verification.verify_all()
    assert rig.serves == "1", "another fingerprint than the server's"
    golden.write_text(right, encoding="utf-8")
    await rig.verification.verify_all()
    assert rig.serves == "2"


async def test_only_what_is_usable_has_a_say_and_an_ejected_server_joins_the_new_version(two: TwoVersions) -> None:
    two.connections[1].fault = ModelUnavailable("worker died")
    two.want("2")
    await two.verification.verify_all()
    assert two.serves == "2"
    two.connections[1].fault = None
    await two.verification.verify_all()
    assert [endpoint.verified for endpoint in two.endpoints.all] == [{"1", "2"}, {"2"}]


async def test_beside_a_refused_version_a_server_that_was_away_proves_the_one_before_again(two: TwoVersions) -> None:
    """The defect this guards against: one restart of Triton left no model at all, though a right one was loaded."""
    for connection in two.connections:
        connection.shifts["2"] = 0.5
    two.want("2")
    await two.verification.verify_all()
    for connection in two.connections:
        connection.fault = ModelUnavailable("restarts")
    await two.verification.verify_all()
    assert not any(endpoint.usable for endpoint in two.endpoints.all)
    for connection in two.connections:
        connection.fault = None
    await two.verification.verify_all()
    assert all(endpoint.usable and endpoint.verified == {"1"} for endpoint in two.endpoints.all)
    assert two.serves == "1"
    assert all("golden pair 0: logit" in endpoint.refusal for endpoint in two.endpoints.all)


async def test_a_gateway_that_starts_beside_a_refused_version_serves_the_newest_that_is_right(tmp_path: Path) -> None:
    rig = Rig(tmp_path, "1", "2", "3", "4")
    for connection in rig.connections:
        connection.loaded, connection.shifts = ["1", "2", "3", "4"], {"4": 0.5, "3": 0.5}
    await rig.verification.verify_all()
    assert rig.scorer.current().identity.version == "2"


async def test_servers_that_restart_one_by_one_with_a_version_unknown_here_go_on_with_the_one_that_is_known(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, "1")
    await rig.verification.verify_all()
    for number, connection in enumerate(rig.connections):
        connection.fault = ModelUnavailable("restarts")
        await rig.verification.verify_all()
        connection.fault, connection.loaded = None, ["1", "2"]
        await rig.verification.verify_all()
        assert [endpoint.usable for endpoint in rig.endpoints.all] == [True, True], number
    assert rig.scorer.current().identity.version == "1"


async def test_a_version_that_may_never_serve_is_no_way_out(two: TwoVersions) -> None:
    for connection in two.connections:
        connection.loaded, connection.shifts = ["1", "2"], {"2": 0.5}
    two.want("")
    alone = two.with_plan(never="1")
    await alone.verify_all()
    with pytest.raises(ModelUnavailable, match="golden pair 0: logit"):
        alone.current()


@pytest.mark.parametrize("odd", ['{"tolerance": 1, "pairs": [{"unknown": 1}]}', "[]", '{"tolerance": 1, "pairs": 7}'])
async def test_a_version_with_an_odd_file_is_refused_and_a_server_that_lies_is_still_ejected(
    tmp_path: Path, odd: str
) -> None:
    rig = TwoVersions(tmp_path)
    (tmp_path / "2" / "encoding" / "golden.json").write_text(odd, encoding="utf-8")
    rig.want("2")
    await rig.verification.verify_all()
    assert rig.serves == "1"
    rig.connections[0].shift = 0.5
    await rig.verification.verify_all()
    assert [endpoint.usable for endpoint in rig.endpoints.all] == [False, True]


async def test_whatever_one_server_raises_the_others_are_verified(
    two: TwoVersions, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def explode(model: str, timeout_s: float) -> list[str]:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(two.connections[0], "versions", explode)
    two.want("2")
    await two.verification.verify_all()
    assert [endpoint.usable for endpoint in two.endpoints.all] == [False, True]
    assert "nobody foresaw this" in two.endpoints.all[0].fault
    assert two.serves == "2"
