"""Configurations: small files over defaults; a wrong key is named."""

from pathlib import Path

import pytest

from training.config import TrainingConfig, read_config
from training.errors import ConfigInvalid

CONFIGS = Path(__file__).parents[2] / "training" / "configs"


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
        ("layer = 3", "unknown key layer; known: align, base_model"),
        ("[fit]\nlist = 3", "unknown key fit.list"),
        ("fit = 3", r"write a table \[fit\]"),
        ("seed = ", "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        read_config(written(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_fields_and_budgets_become_the_encoding_spec(tmp_path: Path) -> None:
    text = '[text]\nhistory_items = 3\nitem_fields = ["name", "maker"]\nitem_tokens = 7\n'
    spec = read_config(written(tmp_path, text)).encoding()
    assert spec.context.history_items == 3
    assert [field.name for field in spec.item.fields] == ["name", "maker"]
    assert spec.item.max_tokens == 7
