"""A version comes to serve whole or not at all, and the one before it comes back."""

import threading
from pathlib import Path

import pytest

from gateway.domain.manifest import manifest_faults
from tests.training.release.promotion.versions import (
    Stack,
    candidate,
    cards,
    hidden,
    loaded,
    model_of,
    promote_new,
    serving,
    write_version,
)
from training.release.errors import NothingToRollBackTo, PromotionBusy, PromotionRefused, RepositoryBroken
from training.release.promotion.promotion import Change, promote, roll_back
from training.release.repository.model_folder import ModelFolder
from training.release.repository.triton_config import read_config, to_text


def parameters(model: ModelFolder) -> dict[str, str]:
    return {name: value.string_value for name, value in read_config(model.configuration).parameters.items()}


def test_a_version_serves_under_the_next_number_with_the_one_before_loaded_beside_it(
    model: ModelFolder, tmp_path: Path
) -> None:
    change = promote_new(model, tmp_path, "second")
    assert change == Change(serving=2, replaced=1)
    assert cards(model) == {1: "first", 2: "second"}
    assert serving(model) == 2
    assert loaded(model) == [1, 2]
    assert parameters(model)["serving_version"] == "2"
    assert parameters(model)["encoding_fingerprint.2"] == parameters(model)["encoding_fingerprint"]
    assert parameters(model)["encoding_fingerprint.1"] != parameters(model)["encoding_fingerprint.2"]
    assert manifest_faults(model.folder(2)) == []
    assert hidden(model) == []


def test_what_was_set_by_hand_in_the_configuration_stays(model: ModelFolder, tmp_path: Path) -> None:
    config = read_config(model.configuration)
    config.instance_group[0].count = 3
    config.parameters["workers"].string_value = "2"
    model.configuration.write_text(to_text(config), encoding="utf-8")
    promote_new(model, tmp_path, "second")
    after = read_config(model.configuration)
    assert (after.instance_group[0].count, after.parameters["workers"].string_value) == (3, "2")


def test_the_first_version_of_a_model_brings_its_configuration(tmp_path: Path) -> None:
    model = model_of(tmp_path / "empty")
    assert promote_new(model, tmp_path, "first") == Change(serving=1, replaced=None)
    assert (serving(model), loaded(model)) == (1, [1])
    assert (model.root / "warmup" / "ones").is_file()
    with pytest.raises(NothingToRollBackTo):
        roll_back(model)


def test_rolling_back_goes_to_what_served_before_not_to_the_number_before(model: ModelFolder, tmp_path: Path) -> None:
    promote_new(model, tmp_path, "bad")
    assert roll_back(model) == Change(serving=1, replaced=2)
    assert loaded(model) == [1, 2], "requests in flight may still ask the other one"
    promote_new(model, tmp_path, "third")
    assert (serving(model), loaded(model)) == (3, [1, 3])
    roll_back(model)
    assert serving(model) == 1


def test_what_serves_after_a_rollback_is_not_the_newest_folder(model: ModelFolder, tmp_path: Path) -> None:
    promote_new(model, tmp_path, "second")
    assert model.serving() == model.folder(2)
    roll_back(model)
    assert model.serving() == model.folder(1)
    assert model_of(tmp_path / "empty").serving() is None


def test_rolling_back_twice_goes_two_versions_back_and_then_no_further(model: ModelFolder, tmp_path: Path) -> None:
    for card in ("second", "third"):
        promote_new(model, tmp_path, card)
    assert [roll_back(model).serving, roll_back(model).serving] == [2, 1]
    before = model.configuration.read_bytes()
    with pytest.raises(NothingToRollBackTo, match="no version that served before"):
        roll_back(model)
    assert model.configuration.read_bytes() == before


def test_versions_without_a_record_roll_back_to_the_next_older_one(model: ModelFolder) -> None:
    write_version(model.root.parent, 4, "fourth")
    assert serving(model) == 1, "nobody promoted it"
    config = read_config(model.configuration)
    del config.parameters["serving_version"]
    model.configuration.write_text(to_text(config), encoding="utf-8")
    assert serving(model) == 4
    roll_back(model)
    assert serving(model) == 1


def test_a_version_that_was_rolled_back_can_be_promoted_again_in_its_place(model: ModelFolder, tmp_path: Path) -> None:
    promote_new(model, tmp_path, "second")
    roll_back(model)
    assert promote(model, model.folder(2)) == Change(serving=2, replaced=1)
    assert cards(model) == {1: "first", 2: "second"}
    with pytest.raises(PromotionRefused, match="serves already"):
        promote(model, model.folder(2))


def test_the_newest_versions_are_kept_and_the_one_to_roll_back_to_always(model: ModelFolder, tmp_path: Path) -> None:
    removed = [promote_new(model, tmp_path, card).removed for card in ("second", "third", "fourth", "fifth")]
    assert removed == [(), (), (1,), (2,)]
    assert sorted(cards(model)) == [3, 4, 5]
    assert "encoding_fingerprint.2" not in parameters(model)
    assert hidden(model) == []
    for _ in range(2):
        roll_back(model)
    assert promote_new(model, tmp_path, "sixth", keep=1).removed == (4, 5)
    assert sorted(cards(model)) == [3, 6]
    assert roll_back(model).serving == 3


def test_a_bad_version_does_not_come_back_because_the_good_one_before_it_is_gone(
    model: ModelFolder, tmp_path: Path
) -> None:
    promote_new(model, tmp_path, "bad")
    roll_back(model)
    promote_new(model, tmp_path, "third")
    promote_new(model, tmp_path, "fourth")
    assert roll_back(model).serving == 3
    assert model.versions() == [2, 3, 4], "version 1 was too old to be kept"
    with pytest.raises(NothingToRollBackTo):
        roll_back(model)


def test_a_version_exported_into_the_repository_is_loaded_for_trial_but_does_not_serve(
    model: ModelFolder, tmp_path: Path
) -> None:
    promote_new(model, tmp_path, "second")
    write_version(model.root.parent, 5, "trial")
    assert (serving(model), loaded(model)) == (2, [1, 2, 5])
    promote_new(model, tmp_path, "sixth")
    assert (serving(model), loaded(model)) == (6, [2, 5, 6]), "the trial goes on"
    assert promote(model, model.folder(5)).serving == 5


def test_a_version_with_a_changed_file_is_refused_and_nothing_is_left(model: ModelFolder, tmp_path: Path) -> None:
    version = candidate(tmp_path, "second")
    (version / "README.md").write_text("changed", encoding="utf-8")
    with pytest.raises(PromotionRefused, match=r"README\.md: bytes"):
        promote(model, version)
    assert (serving(model), cards(model), hidden(model)) == (1, {1: "first"}, [])


def test_a_configuration_that_names_a_missing_version_is_not_guessed_around(model: ModelFolder, tmp_path: Path) -> None:
    promote_new(model, tmp_path, "second")
    model.remove(2)
    with pytest.raises(RepositoryBroken, match="version 2 to serve, which is not there"):
        roll_back(model)
    model.configuration.unlink()
    with pytest.raises(RepositoryBroken, match=r"no config\.pbtxt"):
        promote_new(model, tmp_path, "third")
    with pytest.raises(RepositoryBroken, match="cannot be opened"):
        roll_back(model_of(tmp_path / "nowhere"))


def test_a_source_without_a_configuration_cannot_found_a_model(tmp_path: Path) -> None:
    version = candidate(tmp_path, "first")
    (version.parent / "config.pbtxt").unlink()
    with pytest.raises(RepositoryBroken, match=r"no config\.pbtxt"):
        promote(model_of(tmp_path / "empty"), version)


def test_permission_is_asked_when_nobody_else_can_change_what_serves(model: ModelFolder, tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(champion: str) -> str:
        asked.append(champion)
        with pytest.raises(PromotionBusy):
            promote_new(model, tmp_path, "meanwhile")
        raise PromotionRefused("judged against another one", "judge it again")

    before = model.configuration.read_bytes()
    with pytest.raises(PromotionRefused, match="judged against another one"):
        promote(model, candidate(tmp_path, "second"), permit=refuse)
    assert asked == ["1"]
    assert (model.configuration.read_bytes(), cards(model)) == (before, {1: "first"})


def test_the_verdict_by_which_a_version_was_permitted_is_told(model: ModelFolder, tmp_path: Path) -> None:
    change = promote(model, candidate(tmp_path, "second"), permit=lambda champion: f"passed against {champion}")
    assert change.verdict == "passed against 1"


def test_a_first_version_that_is_refused_leaves_no_folder(tmp_path: Path) -> None:
    def refuse(champion: str) -> str:
        raise PromotionRefused(f"champion {champion!r}", "judge it")

    model = model_of(tmp_path / "empty")
    with pytest.raises(PromotionRefused, match="champion ''"):
        promote(model, candidate(tmp_path, "first"), permit=refuse)
    changed = candidate(tmp_path, "second")
    (changed / "README.md").write_text("changed", encoding="utf-8")
    with pytest.raises(PromotionRefused, match=r"README\.md: bytes"):
        promote(model, changed)
    assert not model.root.exists()


def test_an_export_waits_for_a_promotion_that_is_under_way(model: ModelFolder, tmp_path: Path) -> None:
    """Both rewrite config.pbtxt: the one that began earlier must not take away what the other one wrote."""
    started = threading.Event()

    def write() -> None:
        started.set()
        write_version(model.root.parent, 7, "exported")

    export = threading.Thread(target=write, daemon=True)

    def switch(version: int) -> None:
        export.start()
        started.wait(10)
        export.join(0.5)
        assert export.is_alive(), "it waits"
        assert not model.folder(7).exists()

    promote(model, candidate(tmp_path, "second"), switch)
    export.join(30)
    assert (serving(model), loaded(model)) == (2, [1, 2, 7])
    assert "encoding_fingerprint.7" in parameters(model)


def test_a_version_is_named_by_where_it_is_not_by_how_the_path_is_written(
    model: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_version(model.root.parent, 2, "second")
    promote(model, model.folder(2), Stack(model, 2).switch)
    monkeypatch.chdir(model.folder(1))
    assert promote(model, Path()) == Change(serving=1, replaced=2)
    assert cards(model) == {1: "first", 2: "second"}


def test_two_changes_at_a_time_are_one_too_many(model: ModelFolder, tmp_path: Path) -> None:
    with model.locked(), pytest.raises(PromotionBusy):
        promote_new(model, tmp_path, "second")
    assert promote_new(model, tmp_path, "third").serving == 2
