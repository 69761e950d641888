"""A trained run through the real parts: PostgreSQL, Triton and the gateway's pipeline make its version and numbers."""

import math
from pathlib import Path

import pytest

from clients.command_line.evaluate.stack_lists import HeldOutListServer
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.encoding.bundle import open_bundle
from gateway.encoding.render import ContextFields
from gateway.ranker.features import RANK_OFFSET
from tests.training.synthetic import synthetic_tables
from tests.training.tiny_model import save_tiny_model
from training.evaluation.evaluation import Evaluation
from training.evaluation.plan import RERANKED
from training.export.compare import score_graph
from training.first_stage.baselines import BASELINES
from training.lists.served import ListDegraded, ServedList, read_served
from training.options.config import AlignOptions, FusionOptions, ListOptions, TrainingConfig
from training.options.fit import FitOptions
from training.options.protocol import Protocol
from training.options.text import TextOptions
from training.protocol.dataset import Dataset, Phase
from training.protocol.trained_on import TrainedOn
from training.ranker.baselines import WITHOUT_LOGIT, read_baselines
from training.ranker.lists import order_by, scored_lists
from training.release.card import own_data
from training.release.pipeline import Pipeline, Target
from training.release.release import ServedForm
from training.run import Run
from training.run_folder import RunFolder

TABLES = synthetic_tables(users=24)
DEPTH = 30


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    texts = [" ".join(item.fields.values()) for item in TABLES.items]
    return TrainingConfig(
        name="tiny",
        base_model=str(save_tiny_model(tmp_path_factory.mktemp("base") / "tiny", texts)),
        layers=2,
        bf16=False,
        protocol=Protocol(min_positives=12, held_out=3),
        text=TextOptions(4, ("title",), 6, 28, ("title", "genre"), 10),
        align=AlignOptions(steps=20, batch=32, learning_rate=3e-3, width=8),
        lists=ListOptions(negatives=5, near=2, near_rank=8, far=2, far_rank=24, min_history=2),
        fit=FitOptions(loss="distil", lists=160, settle_lists=40, batch_lists=8, learning_rate=2e-3),
        fusion=FusionOptions(kind="lambdamart", trees=20, leaves=4, leaf_items=5, feature_share=1.0, learning_rate=0.2),
    )


@pytest.fixture(scope="module")
def run_folder(config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "tiny"
    Run(config, TABLES, RunFolder(folder), lambda _: None, lambda fold: []).train()
    return folder


@pytest.fixture(scope="module")
def exported(
    config: TrainingConfig, run_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Evaluation]:
    repository = tmp_path_factory.mktemp("work") / "new_repository"
    pipeline = Pipeline(config, TABLES, RunFolder(run_folder), lambda _: None)
    target = Target(repository, 1, ServedForm(), PROJECT_REPOSITORY / "bi_encoder")
    return pipeline.export(target, own_data("tiny", TABLES), HeldOutListServer(run_folder / "stack", DEPTH, quiet=True))


@pytest.fixture(scope="module")
def served(exported: tuple[Path, Evaluation], run_folder: Path) -> list[ServedList]:
    return read_served(run_folder / f"served-test-cpu-{DEPTH}.jsonl")


def test_the_version_ranks_with_the_fitted_fusion_and_says_how_well(
    exported: tuple[Path, Evaluation], config: TrainingConfig
) -> None:
    version, evaluation = exported
    bundle = open_bundle(version / "encoding")
    assert {"logit", "popularity", "recency:genre", "log_score:item_neighbors"} <= set(bundle.spec.fusion.features)
    assert bundle.fusion.trees is not None
    baselines = read_baselines(version / "encoding")
    assert WITHOUT_LOGIT in baselines
    assert not any(name.startswith("logit") for one in baselines.values() for name in one.spec.features)
    assert evaluation.users == len(Dataset(TABLES, Protocol(12, 3)).evaluated_users)
    assert {"text_ann", "item_neighbors", "popular", "blend", *BASELINES, WITHOUT_LOGIT, RERANKED} <= {
        one.name for one in evaluation.methods
    }
    everything, *without = evaluation.fusion_ablation
    assert (everything.left_out, everything.change) == ("nothing", 0)
    assert {"logit", "popularity"} <= {one.left_out for one in without}
    assert TrainedOn.read(version) == TrainedOn.of(TABLES, config.protocol)
    card = (version / "README.md").read_text(encoding="utf-8")
    assert f"{evaluation.mean(RERANKED):.4f}" in card


def test_what_was_served_is_what_the_shipped_files_give(
    exported: tuple[Path, Evaluation], served: list[ServedList], config: TrainingConfig
) -> None:
    version, _ = exported
    bundle = open_bundle(version / "encoding")
    dataset = Dataset(TABLES, config.protocol)
    one = served[0]
    case = dataset.case(one.user_id, Phase.TEST)
    history = [dataset.fields[item_id] for item_id in case.history.newest_first]
    context = bundle.encoder.encode_context(ContextFields(history=history))
    items = [candidate.item_id for candidate in one.candidates]
    pairs = [bundle.encoder.join(context, bundle.encoder.encode_item(dataset.fields[item_id])) for item_id in items]
    assert list(one.logits) == pytest.approx(score_graph(version / "model.onnx", pairs).tolist(), abs=1e-4)
    [given] = [found.given for found in scored_lists([one], dataset, Phase.TEST)]
    assert one.ranked == order_by(bundle.fusion, given)


def test_the_served_blend_counts_the_ranks_of_item_neighbors_twice(served: list[ServedList]) -> None:
    hits = [(one.score, one.hits) for each in served for one in each.candidates]
    assert any(hit.source == "item_neighbors" for _, found in hits for hit in found)
    for score, found in hits:
        weighed = [(2 if hit.source == "item_neighbors" else 1) / (RANK_OFFSET + hit.rank) for hit in found]
        assert score == pytest.approx(sum(weighed))


def test_nothing_that_was_met_before_is_proposed(served: list[ServedList], config: TrainingConfig) -> None:
    dataset = Dataset(TABLES, config.protocol)
    for one in served:
        seen = dataset.case(one.user_id, Phase.TEST).seen
        assert not seen & {item_id for found in one.by_source.values() for item_id in found}
        assert all(math.isfinite(logit) for logit in one.logits)


def test_a_user_who_met_almost_everything_gets_what_is_left(
    exported: tuple[Path, Evaluation], config: TrainingConfig, run_folder: Path, tmp_path: Path
) -> None:
    dataset = Dataset(TABLES, config.protocol)
    [case] = dataset.cases(Phase.TEST)[:1]
    server = HeldOutListServer(tmp_path / "stack", len(TABLES.items), quiet=True)
    [served] = server.serve(run_folder / "repository-test", dataset, Phase.TEST, [case])
    assert set(served.ranked) == dataset.fields.keys() - case.seen


def test_a_store_that_knows_another_history_is_refused(
    exported: tuple[Path, Evaluation],
    config: TrainingConfig,
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a stack in a relative folder, as ``--state-dir`` may name one; its parts have working folders of their own."""
    monkeypatch.chdir(tmp_path)
    dataset = Dataset(TABLES, config.protocol)
    server = HeldOutListServer(Path("stack"), DEPTH, quiet=True)
    with pytest.raises(ListDegraded, match="not that of the protocol"):
        server.serve(run_folder / "repository-test", dataset, Phase.VALID, dataset.cases(Phase.TEST)[:1])
