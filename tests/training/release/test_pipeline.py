"""The release pipeline on a tiny run: what is fitted on which lists, what is served again, what is refused before a
stack is asked. The stack is scripted; tests of the command line have a real one."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from gateway.domain.progress import Advance
from gateway.encoding.bundle import open_bundle
from tests.training.release.gate.tiny_release import TinyRelease
from tests.training.release.scripted_stack import ScriptedStack
from tests.training.run_tiny import TABLES
from training.errors import ConfigInvalid, Leak, RunIncomplete, TooFewUsers
from training.evaluation.evaluation import Evaluation
from training.evaluation.offline_lists import ListScorer
from training.evaluation.plan import RERANKED
from training.first_stage.baselines import BASELINES
from training.lists.served import read_served
from training.options.config import TrainingConfig
from training.options.protocol import Protocol
from training.protocol.dataset import Phase
from training.protocol.trained_on import TrainedOn
from training.ranker.baselines import WITHOUT_LOGIT, read_baselines
from training.ranker.lists import order_by, scored_lists
from training.release import pipeline as pipeline_module
from training.release.card import own_data
from training.release.gate.record import learned_lists
from training.release.pipeline import Measured, Pipeline, Target, evaluate_version
from training.release.release import ServedForm
from training.release.repository.version import VersionRefused
from training.run_folder import RunFolder

DATA = own_data("tiny", TABLES)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyRelease:
    return TinyRelease.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def bi_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bi_encoder")


def pipeline_of(tiny: TinyRelease, config: TrainingConfig | None = None) -> Pipeline:
    return Pipeline(config or tiny.config, TABLES, tiny.run, lambda _: None)


def export(
    pipeline: Pipeline, repository: Path, bi_encoder: Path, stack: ScriptedStack, version: int = 1
) -> tuple[Path, Evaluation]:
    return pipeline.export(Target(repository, version, ServedForm(), bi_encoder), DATA, stack)


@pytest.fixture(scope="module")
def stack() -> ScriptedStack:
    return ScriptedStack()


@pytest.fixture(scope="module")
def exported(
    tiny: TinyRelease, bi_encoder: Path, stack: ScriptedStack, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Evaluation]:
    return export(pipeline_of(tiny), tmp_path_factory.mktemp("repository"), bi_encoder, stack)


def test_test_lists_are_served_by_the_fused_score_that_valid_lists_gave(
    tiny: TinyRelease, exported: tuple[Path, Evaluation], stack: ScriptedStack
) -> None:
    version, _ = exported
    assert stack.asked == [Phase.VALID, Phase.TEST]
    bundle = open_bundle(version / "encoding")
    assert {"logit", "log_score:popular"} <= set(bundle.fusion.spec.features)
    served = read_served(tiny.run.served("test", stack.depth))
    assert [one.user_id for one in served] == list(tiny.dataset.evaluated_users)
    for one, scored in zip(served, scored_lists(served, tiny.dataset, Phase.TEST), strict=True):
        assert one.ranked == order_by(bundle.fusion, scored.given)


def test_version_card_and_results_say_the_same(tiny: TinyRelease, exported: tuple[Path, Evaluation]) -> None:
    version, evaluation = exported
    assert f"{evaluation.mean(RERANKED):.4f}" in (version / "README.md").read_text(encoding="utf-8")
    assert TrainedOn.read(version) == TrainedOn.of(TABLES, tiny.config.protocol)
    assert WITHOUT_LOGIT in read_baselines(version / "encoding")
    assert {"popular", "blend", *BASELINES, WITHOUT_LOGIT, RERANKED} <= {one.name for one in evaluation.methods}
    assert evaluation.fusion_ablation[0].left_out == "nothing"


def test_lists_are_served_again_only_for_another_fused_score(
    tiny: TinyRelease, exported: tuple[Path, Evaluation], bi_encoder: Path, tmp_path: Path
) -> None:
    stack = ScriptedStack()
    _, again = export(pipeline_of(tiny), tmp_path / "same", bi_encoder, stack)
    assert stack.asked == []
    assert again.to_dict() == exported[1].to_dict()
    smoother = replace(tiny.config, fusion=replace(tiny.config.fusion, ridge=50.0))
    export(pipeline_of(tiny, smoother), tmp_path / "other", bi_encoder, stack)
    assert stack.asked == [Phase.TEST], "valid lists are ranked by the logit alone"


def test_a_version_that_exists_is_refused_before_a_list_is_served(
    tiny: TinyRelease, exported: tuple[Path, Evaluation], bi_encoder: Path
) -> None:
    stack = ScriptedStack(depth=10)
    with pytest.raises(VersionRefused, match="exists"):
        export(pipeline_of(tiny), exported[0].parents[1], bi_encoder, stack)
    assert stack.asked == []


def test_a_run_that_is_not_the_configurations_or_not_trained_is_refused_before_a_list_is_served(
    tiny: TinyRelease, bi_encoder: Path, tmp_path: Path
) -> None:
    stack = ScriptedStack()
    with pytest.raises(ConfigInvalid, match="begun with another configuration: seed changed"):
        export(pipeline_of(tiny, replace(tiny.config, seed=6)), tmp_path, bi_encoder, stack)
    elsewhere = Pipeline(tiny.config, TABLES, RunFolder(tmp_path / "none"), lambda _: None)
    with pytest.raises(RunIncomplete, match="has no trained model"):
        export(elsewhere, tmp_path, bi_encoder, stack)
    strict = replace(tiny.config, protocol=replace(tiny.config.protocol, min_users=1000))
    nobody = Pipeline(strict, TABLES, RunFolder(tmp_path / "none"), lambda _: None)
    with pytest.raises(TooFewUsers, match="at least 1000"):
        export(nobody, tmp_path, bi_encoder, stack)
    assert stack.asked == []


def test_the_gate_gets_what_the_run_left(tiny: TinyRelease, exported: tuple[Path, Evaluation], tmp_path: Path) -> None:
    evidence = pipeline_of(tiny).evidence(3)
    assert evidence.checkpoint == tiny.run.model
    assert [one.user_id for one in evidence.lists] == list(tiny.dataset.evaluated_users[:3])
    assert evidence.learned == learned_lists(tiny.run)
    assert pipeline_of(tiny).evidence(1, tmp_path).checkpoint == tmp_path, "other weights may be named"
    with pytest.raises(ConfigInvalid, match="seed changed"):
        pipeline_of(tiny, replace(tiny.config, seed=6)).evidence(3)


def make_up_vectors(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Some for each text."""
    return np.random.default_rng(1).normal(size=(len(texts), 8)).astype(np.float32)


def unseen(title: str, total: int | None) -> AbstractContextManager[Advance]:
    """A bar that nobody sees."""
    return nullcontext(lambda done: None)


def test_a_run_is_measured_offline_on_the_users_that_were_drawn(
    tiny: TinyRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "embed", make_up_vectors)
    found = pipeline_of(tiny).evaluate_offline(12, 3, unseen)
    assert found.users == 12
    assert {"als", "blend", WITHOUT_LOGIT, RERANKED} <= {one.name for one in found.methods}
    assert found.fusion_ablation
    monkeypatch.setattr(ListScorer, "score", lambda self, one: pytest.fail("computed again"))
    assert pipeline_of(tiny).evaluate_offline(12, 3, unseen).to_dict() == found.to_dict()


def test_a_version_is_measured_on_its_own_tables_by_what_it_held_out(
    tiny: TinyRelease, exported: tuple[Path, Evaluation]
) -> None:
    version, results = exported
    stack = ScriptedStack()
    found = evaluate_version(version, Measured(TABLES), stack, lambda _: None)
    assert stack.asked == [Phase.TEST]
    assert found.mean(RERANKED) == pytest.approx(results.mean(RERANKED))
    assert found.mean(WITHOUT_LOGIT) == pytest.approx(results.mean(WITHOUT_LOGIT)), "by the fusions that it brings"
    assert evaluate_version(version, Measured(TABLES, users=5, seed=2), stack, lambda _: None).users == 5
    other = replace(tiny.config, protocol=Protocol(min_positives=12, held_out=4, min_history=3))
    with pytest.raises(Leak, match="would meet what it learned from"):
        evaluate_version(version, Measured(TABLES, other), stack, lambda _: None)
