"""Configurations: small files over defaults; a wrong key is named."""

from pathlib import Path

import pytest

from tests.paths import ROOT
from training.errors import ConfigInvalid
from training.options.config import TrainingConfig, parse_config, read_config

CONFIGS = ROOT / "training" / "configs"


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_shipped_configuration_is_valid_and_named_like_its_file(file: Path) -> None:
    config = read_config(file)
    assert config.name == file.stem
    spec = config.encoding()
    assert spec.item.max_tokens + spec.context.max_tokens <= 509


def test_what_is_left_out_has_the_default(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, "seed = 9\n[fit]\nlists = 10\n"))
    assert (config.name, config.seed, config.fit.lists) == ("mine", 9, 10)
    assert config.align == TrainingConfig(name="x").align


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("layer = 3", "unknown key layer; known: align, augment, base_model"),
        ("[fit]\nlist = 3", "unknown key fit.list"),
        ("fit = 3", r"write a table \[fit\]"),
        ("seed = ", "cannot be read"),
        ('device = "tpu"', "device is 'tpu'; use one of auto, cpu"),
        ("layers = 0", "layers is 0; use a number from 1 to 48"),
        ('[fit]\nloss = "hinge"', "fit.loss is 'hinge'; use one of listnet"),
        ('[fit]\nloss = "margin_mse"', "needs a teacher; name its folder: teacher.model"),
        ('[fit]\nloss = "distil"', "fit.lists 0; say how many lists: fit.lists = 3600"),
        ('[candidates]\nfused = ["als", "magic"]', "candidates.fused names 'magic'; use some of als, item_knn"),
        ("[candidates]\nfused = []", "candidates.fused names no source"),
        ("[fit]\nlearning_rate = true", "fit.learning_rate is True"),
        ("[fit]\nhead_rate = nan", "fit.head_rate is nan; use a number from 0 to 1000"),
        ("[fit]\nhead_rate = inf", "fit.head_rate is inf; use a number from 0 to 1000"),
        ("[negatives]\nmargin = nan", "negatives.margin is nan; use a number from 0 to 10"),
        ("[candidates]\ndepth = 0", "candidates.depth is 0; use a number from 1 to 1000000000"),
        ("[negatives]\nranges = 3", "negatives.ranges is 3; write a list"),
        ("[protocol]\nhold_out = 5", "mine.toml: unknown key protocol.hold_out; known: held_out, min_history"),
        ('[fit]\nepochs = "two"', "fit.epochs is 'two'"),
        ('[protocol]\nheld_out = "5"', "protocol.held_out is '5'; write a whole number"),
        ("[protocol]\nmin_positives = 12.5", "protocol.min_positives is 12.5; write a whole number"),
        ("[text]\nitem_fields = 'title'", "text.item_fields is 'title'; write a list"),
        ("[text]\nitem_fields = ['title', 3]", r"text.item_fields\[1\] is 3; write a text"),
        ("[negatives]\nmargin = 'wide'", "negatives.margin is 'wide'; write a number"),
        ("[negatives]\nranges = [['a', 2, 3]]", r"negatives.ranges\[0\]\[0\] is 'a'; write a whole number"),
        ("bf16 = 1", "bf16 is 1; write true or false"),
        ("base_model = 3", "base_model is 3; write a text"),
        ('[fusion]\nkind = "trees"', "fusion.kind is 'trees'; use one of linear, lambdamart"),
        ("[fusion]\nbag = 0", "fusion.bag is 0; use a number from 1 to 100"),
        ("[augment]\nhistory_dropout = 1.5", "augment.history_dropout is 1.5; use a number from 0 to 1"),
        ("[augment]\nshufle = 0.5", "unknown key augment.shufle"),
        ("[negatives]\nranges = [[5, 1, 2]]", r"negatives.ranges has \[5, 1, 2\]"),
        ("[negatives]\nsemantic_neighbors = 2", "set negatives.duplicate_similarity"),
        ("[select]\ndepth = 3", "select.depth is 3"),
        ("[text]\nhistory_item_tokens = 64\ncontext_tokens = 48", "history_item_tokens is 64; use .* from 1 to 48"),
        ("[text]\nhistory_items = 51", "text.history_items is 51; use a number from 0 to 50"),
        ('[text]\nhistory_order = "random"', "text.history_order is 'random'; use one of newest_first, oldest_first"),
        ('[text]\nhistory_choice = "all"', "text.history_choice is 'all'; use one of newest, distinct"),
        ("[text]\nitem_fields = []", r"text.item_fields is \[\]; write a list of 1 to 32"),
        ("[lists]\nnegatives = 5", "lists.far is 4; use a number from 0 to 0"),
        ("[negatives]\nshown = -1", "negatives.shown is -1; use a number from 0 to 11"),
        ('[fusion]\nfeatures = ["logitt"]', "fusion.features: .*'logitt'"),
        ('[fit]\nloss = "bce"\n[teacher]\nfusion = true', "'bce' cannot learn from a teacher's log-odds; use one of"),
        ('[fit]\nloss = "lambda"\n[teacher]\nmodel = "a"', "'lambda' cannot learn from a teacher's log-odds"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        read_config(written(tmp_path, text))


def test_whole_numbers_do_for_numbers_and_a_bound_may_stay_open(tmp_path: Path) -> None:
    text = "[fit]\nlearning_rate = 1\n[negatives]\nmargin = 1\n"
    config = read_config(written(tmp_path, text))
    assert (config.fit.learning_rate, config.negatives.margin) == (1, 1)
    assert parse_config(config.to_dict(), "again") == config, "what is left open is None there"


def test_lists_of_a_file_are_tuples_at_any_depth(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, "[negatives]\nranges = [[1, 10, 2], [20, 40, 3]]\n"))
    assert config.negatives.ranges == ((1, 10, 2), (20, 40, 3))
    assert hash(config) == hash(read_config(tmp_path / "mine.toml"))


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes("# für uns\nseed = 1\n".encode("cp1252"))
    with pytest.raises(ConfigInvalid, match=r"cannot be read: .*; write TOML in UTF-8"):
        read_config(tmp_path / "mine.toml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_fields_and_budgets_become_the_encoding_spec(tmp_path: Path) -> None:
    text = '[text]\nhistory_items = 3\nitem_fields = ["name", "maker"]\nitem_tokens = 7\n'
    chosen = 'history_choice = "distinct"\nhistory_order = "oldest_first"\n'
    spec = read_config(written(tmp_path, text + chosen)).encoding()
    assert spec.context.history_items == 3
    assert (spec.context.history_choice, spec.context.history_order) == ("distinct", "oldest_first")
    assert [field.name for field in spec.item.fields] == ["name", "maker"]
    assert spec.item.max_tokens == 7
