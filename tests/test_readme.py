"""The README says what the code does: settings, commands and files it names exist."""

import re

from gateway.settings import describe
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings_table() -> dict[str, list[str]]:
    block = README.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in block.splitlines() if "`CROSSRANK_" in line
    ]
    return {row[0].strip("`"): row for row in rows}


def test_the_table_of_settings_lists_every_setting_with_its_default() -> None:
    table = settings_table()
    assert list(table) == [knob.variable for knob in describe()]
    for knob in describe():
        assert (f"`{knob.default}`" if knob.default else "") in " ".join(table[knob.variable]), knob.variable
        assert knob.why in table[knob.variable][-1], knob.variable


def test_every_make_target_that_the_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_file_that_the_readme_links_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
