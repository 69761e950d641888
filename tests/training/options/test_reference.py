"""The page of all options says what their types say."""

from training.options.config import TrainingConfig
from training.options.reference import FILE, reference


def rows() -> dict[str, list[str]]:
    """Cells by key."""
    lines = [line.strip("| ").split(" | ") for line in reference().splitlines() if line.startswith("| `")]
    return {key.strip("`"): cells for key, *cells in lines}


def test_the_page_is_that_of_the_options_as_they_are() -> None:
    made = reference()
    assert FILE.read_text(encoding="utf-8") == made, "run python -m training.options.reference"


def test_every_key_of_a_configuration_stands_there_with_a_word_about_it() -> None:
    data = TrainingConfig(name="mine").to_dict()
    sections = {key: value for key, value in data.items() if isinstance(value, dict)}
    keys = [key for key in data if key not in sections]
    keys += [f"{section}.{key}" for section, values in sections.items() for key in values]
    assert list(rows()) == keys
    assert all(cells[-1].endswith(".") for cells in rows().values())


def test_a_row_tells_type_default_and_bounds() -> None:
    found = rows()
    assert found["fit.epochs"][:3] == ["whole number", "`1`", "1 to 1000"]
    assert found["fusion.kind"][:3] == ['`"linear"`, `"lambdamart"`', '`"linear"`', ""]
    assert found["text.item_fields"][:3] == ["list", '`["title"]`', "1 to 32"]
    assert found["negatives.margin"][:3] == ["number", "", "0 to 10"]
