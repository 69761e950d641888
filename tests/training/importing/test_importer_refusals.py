"""What cannot be served is refused with the value, the limit and the next step, and nothing is written."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from tests.training.importing.checkpoints import change_config, save_checkpoint
from tests.training.importing.conftest import TEXT, open_folder
from training.errors import CheckpointUnusable, ConfigInvalid, ImportRefused, SourceUnavailable, TrainingError
from training.export.graph.export import export_cross_encoder, longest_input
from training.export.precision import Device, Precision
from training.importing import importer, probe_pairs
from training.importing.checkpoint import Checkpoint, open_checkpoint
from training.importing.importer import ImportPlan, import_checkpoint
from training.importing.text import PairText, check_budget
from training.model.source import find_source

Damage = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "tiny", "bert")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return open_folder(save_checkpoint(tmp_path_factory.mktemp("good") / "tiny", "roberta"))


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _only_pickle(folder: Path) -> None:
    weights = folder / "model.safetensors"
    torch.save({}, folder / "pytorch_model.bin")
    weights.unlink()


def _cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def _other_width(folder: Path) -> None:
    change_config(folder, intermediate_size=48)


def _headless(folder: Path) -> None:
    """An encoder that claims to be a classifier."""
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    change_config(folder, architectures=["BertForSequenceClassification"], id2label={"0": "LABEL_0"})


def _changed(**changes: object) -> Damage:
    return lambda folder: change_config(folder, **changes)


REFUSED: dict[str, tuple[Damage, str]] = {
    "no config": (_no_config, r"config\.json cannot be read.*give the folder of a transformers model"),
    "no object": (lambda folder: (folder / "config.json").write_text("[]"), r"config\.json is no JSON object"),
    "pickled weights": (_only_pickle, r"no model\.safetensors, only pytorch_model\.bin.*can run code: convert"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "only no weights at all"),
    "corrupted weights": (_cut_weights, r"model\.safetensors is broken.*download it again"),
    "other sizes": (_other_width, "transformers cannot load tiny.*belong together"),
    "no head": (_headless, r"lack \d+ parameters, classifier\.\w+ among them.*random numbers"),
    "not a classifier": (_changed(architectures=["BertModel"]), "is a BertModel, not a …ForSequenceClassification"),
    "no architecture": (_changed(architectures=None), "model without a named architecture"),
    "unknown family": (_changed(model_type="deberta-v2"), "model_type is 'deberta-v2'.*take one of bert, distilbert"),
    "own code": (_changed(auto_map={"AutoModel": "evil.Model"}), r"code of its own \(auto_map.*never run"),
    "several labels": (_changed(id2label={"0": "a", "1": "b", "2": "c"}), "3 labels; at most 2"),
    "two labels": (_changed(id2label={"0": "no", "1": "yes"}), "2 labels.*give --positive-label 1"),
    "unknown activation": (
        _changed(sentence_transformers={"activation_fn": "evil.Custom"}),
        "activation is evil.Custom; known are Identity and Sigmoid",
    ),
    "no fast tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), r"no tokenizer\.json.*save_pretrained"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_checkpoint_is_refused_with_its_reason_and_remedy(folder: Path, case: str) -> None:
    damage, message = REFUSED[case]
    damage(folder)
    with pytest.raises(CheckpointUnusable, match=f"(?s){message}"):
        open_folder(folder)


def test_the_same_checkpoint_undamaged_is_opened(folder: Path) -> None:
    checkpoint = open_folder(folder)
    assert checkpoint.licence == "mit"
    assert checkpoint.activation == "Sigmoid"
    assert len(checkpoint.weights_sha256) == 64


@pytest.mark.parametrize("family", ["bert", "no-such-family"])
def test_code_of_a_checkpoint_is_never_run(tmp_path: Path, family: str) -> None:
    folder, trace = save_checkpoint(tmp_path / "tiny", "bert"), tmp_path / "it ran"
    for name in ("configuration", "modeling", "tokenization"):
        (folder / f"{name}_evil.py").write_text(f"open({str(trace)!r}, 'w')\n")
    auto_map = {"AutoConfig": "configuration_evil.Config", "AutoModelForSequenceClassification": "modeling_evil.Model"}
    change_config(folder, auto_map=auto_map, model_type=family)
    with pytest.raises(CheckpointUnusable, match="never run"):
        open_folder(folder)
    assert not trace.exists()


def test_code_of_a_tokenizer_is_never_run(tmp_path: Path) -> None:
    folder, trace = save_checkpoint(tmp_path / "tiny", "bert"), tmp_path / "it ran"
    (folder / "tokenization_evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: pass\n")
    file = folder / "tokenizer_config.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["auto_map"] = {"AutoTokenizer": [None, "tokenization_evil.Evil"]}
    file.write_text(json.dumps(document), encoding="utf-8")
    checkpoint = open_folder(folder)
    encoder = PairEncoder(TEXT.spec("tiny"), open_tokenizer(checkpoint.tokenizer_file))
    probe_pairs.check_tokens(checkpoint, encoder, probe_pairs.probe_pairs(encoder))
    assert not trace.exists()


def test_a_tokenizer_that_does_not_open_is_told_with_a_remedy(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text("{half", encoding="utf-8")
    checkpoint = open_folder(folder)
    encoder = PairEncoder(TEXT.spec("tiny"), open_tokenizer(checkpoint.tokenizer_file))
    with pytest.raises(CheckpointUnusable, match=r"cannot open the tokenizer of tiny.*save it anew"):
        probe_pairs.check_tokens(checkpoint, encoder, probe_pairs.probe_pairs(encoder))


def test_a_folder_has_no_revision(folder: Path) -> None:
    with pytest.raises(SourceUnavailable, match="is a folder, which has no revision v2"):
        find_source(str(folder), "v2")


def test_one_label_needs_no_positive_one(folder: Path) -> None:
    with pytest.raises(CheckpointUnusable, match="has one label, and --positive-label 1; leave it out"):
        open_checkpoint(find_source(str(folder)), 1)


def test_a_card_without_a_licence_or_with_a_broken_header_is_no_obstacle(folder: Path) -> None:
    for text in ("# no header\n", "---\nlicense: [mit\n---\n", "---\ntags: [a]\n---\n"):
        (folder / "README.md").write_text(text, encoding="utf-8")
        assert open_folder(folder).licence == ""
    (folder / "README.md").unlink()
    assert open_folder(folder).licence == ""


@pytest.mark.parametrize(
    ("changes", "activation"),
    [
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}, "Identity"),
        ({"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}, "Identity"),
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}}, "Sigmoid"),
        ({"sentence_transformers": {"version": "5"}}, "Sigmoid"),
    ],
)
def test_the_activation_is_read_wherever_it_stands(folder: Path, changes: dict[str, object], activation: str) -> None:
    change_config(folder, **changes)
    assert open_folder(folder).activation == activation


def test_a_changed_weight_has_another_digest(folder: Path, tmp_path: Path) -> None:
    other = save_checkpoint(tmp_path / "other", "bert", seed=5)
    assert open_folder(folder).weights_sha256 != open_folder(other).weights_sha256
    assert open_folder(folder).weights_sha256 == open_folder(folder).weights_sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            PairText(fields=("title",), context_tokens=64, item_tokens=61),
            "64 tokens of context, 61 .* make 129; .* 128",
        ),
        (PairText(fields=("title",), item_tokens=0), r"item\.max_tokens is 0; it must be 1 to 8192"),
        (PairText(fields=()), r"item\.fields is 0; it must be 1 to 32"),
        (PairText(fields=("title",), history_items=500), r"history_items is 500; it must be 0 to 200"),
    ],
)
def test_text_that_does_not_fit_the_model_is_refused(
    checkpoint: Checkpoint, tmp_path: Path, text: PairText, message: str
) -> None:
    plan = ImportPlan(repository=tmp_path, version=1, text=text)
    with pytest.raises(ConfigInvalid, match=message):
        import_checkpoint(checkpoint, plan, lambda _: None)
    assert not list(tmp_path.iterdir())


def test_the_longest_pair_that_fits_is_taken(checkpoint: Checkpoint) -> None:
    limit = longest_input(checkpoint.model)
    for item_tokens, fits in ((limit - 64 - 4, True), (limit - 64 - 3, False)):
        text = PairText(fields=("title",), context_tokens=64, item_tokens=item_tokens)
        encoder = PairEncoder(text.spec("tiny"), open_tokenizer(checkpoint.tokenizer_file))
        if fits:
            check_budget(encoder, limit, "--item-tokens")
        else:
            with pytest.raises(ConfigInvalid, match="sum up to at most 124: --item-tokens"):
                check_budget(encoder, limit, "--item-tokens")


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"name": "../evil"}, r"the name is '\.\./evil'; .*change --name"),
        ({"precision": Precision.INT8, "device": Device.GPU}, "int8 graphs need ONNX Runtime on a CPU; .*fp16"),
        ({"precision": Precision.BF16}, "bf16 weights are for GPUs; .*--device gpu"),
        ({"version": 7}, "version 7 of cross_encoder exists; give the next free --version"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(tmp_path: Path, plan: dict[str, Any], message: str) -> None:
    (tmp_path / "cross_encoder" / "7").mkdir(parents=True)
    with pytest.raises(ImportRefused, match=message):
        replace(ImportPlan(repository=tmp_path, version=1, text=TEXT), **plan).check()


@pytest.fixture(scope="module")
def graphs(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The checkpoint's own graph, and that of other weights."""
    folder = tmp_path_factory.mktemp("graphs")
    other = open_folder(save_checkpoint(folder / "other", "roberta", seed=9))
    return {
        "own": export_cross_encoder(checkpoint.model, folder / "own.onnx"),
        "other": export_cross_encoder(other.model, folder / "other.onnx"),
    }


@pytest.mark.parametrize("precision", Precision)
def test_a_graph_that_computes_something_else_is_never_written(
    checkpoint: Checkpoint,
    graphs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: Precision,
) -> None:
    monkeypatch.setattr(importer, "export_cross_encoder", lambda *_: graphs["other"])
    device = Device.GPU if precision is Precision.BF16 else Device.CPU
    plan = ImportPlan(repository=tmp_path, version=1, text=TEXT, precision=precision, device=device)
    with pytest.raises(ImportRefused, match=r"differ from transformers' by|of their spread; at most 10%"):
        import_checkpoint(checkpoint, plan, lambda _: None)
    assert not list(tmp_path.iterdir())


def test_weights_that_give_no_numbers_are_refused(
    graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = open_folder(save_checkpoint(tmp_path / "broken", "roberta"))
    with torch.no_grad():
        broken.model.get_parameter("classifier.out_proj.bias").fill_(float("nan"))
    monkeypatch.setattr(importer, "export_cross_encoder", lambda *_: graphs["own"])
    repository = tmp_path / "repository"
    with pytest.raises(CheckpointUnusable, match="logits that are not finite"):
        import_checkpoint(broken, ImportPlan(repository=repository, version=1, text=TEXT), lambda _: None)
    assert not repository.exists()


def test_a_tokenizer_that_disagrees_with_itself_is_refused(folder: Path, tmp_path: Path) -> None:
    file = folder / "tokenizer_config.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**document, "do_lower_case": False}), encoding="utf-8")
    repository = tmp_path / "repository"
    with pytest.raises(CheckpointUnusable, match=r"tokenizer\.json and tokenizer_config\.json disagree"):
        import_checkpoint(open_folder(folder), ImportPlan(repository=repository, version=1, text=TEXT), lambda _: None)
    assert not repository.exists()


def test_a_failure_while_writing_leaves_no_half_version(
    checkpoint: Checkpoint, graphs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "export_cross_encoder", lambda *_: graphs["own"])
    monkeypatch.setattr(importer, "MAX_GRAPH_MB", 0.001)
    with pytest.raises(TrainingError, match=r"at most 0\.001 MB"):
        import_checkpoint(checkpoint, ImportPlan(repository=tmp_path, version=1, text=TEXT), lambda _: None)
    assert not list(tmp_path.rglob("*.onnx"))
