"""The documents say what the code does: tables, links, commands, options and make targets that they name exist."""

import re

import pytest

from clients.command_line.shared.commands import COMMANDS
from clients.command_line.shared.lazy import load
from tests.docs.documents import Block, blocks, documents
from tests.docs.tables import DOCUMENT, with_tables
from tests.paths import ROOT

pytestmark = pytest.mark.whole  # starts programs, or commands that import what is slow

README = ROOT / "README.md"
MOST_LINES_OF_THE_DOOR = 130
ROOMS = (
    "gateway",
    "training",
    "clients/command_line",
    "clients/load",
    "clients/python",
    "deploy",
    "model_repository",
    "tests",
)


def test_the_tables_of_settings_metrics_and_errors_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == with_tables(text), "run: make docs"


def test_a_changed_table_would_be_found() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_tables(text.replace("`CROSSRANK_LISTEN`", "`CROSSRANK_LISTENS`")) == text


def test_the_door_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_THE_DOOR


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_readme_that_the_door_links(room: str) -> None:
    assert (ROOT / room / "README.md").is_file()
    assert f"({room}/README.md" in README.read_text(encoding="utf-8")


def test_every_file_that_a_document_links_exists() -> None:
    found = 0
    for file in documents():
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
            found += 1
            assert (file.parent / link).exists(), f"{file.relative_to(ROOT)} links {link}"
    assert found > 50


def test_every_section_that_a_document_links_exists() -> None:
    for file in documents():
        for link, section in re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", file.read_text(encoding="utf-8")):
            text = ((file.parent / link) if link else file).read_text(encoding="utf-8")
            titles = [
                re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-")
                for title in re.findall(r"^#+ (.*)$", text, re.M)
            ]
            assert section in titles, f"{file.relative_to(ROOT)} links {link}#{section}"


def test_every_make_target_that_a_document_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {
        target
        for file in documents()
        for span in re.findall(r"`([^`\n]*)`|^make (?=[a-z])(.*)$", file.read_text(encoding="utf-8"), re.M)
        for target in re.findall(r"^(?:make )([a-z][a-z-]*)", span[0] or f"make {span[1]}")
    }
    assert {"demo", "test", "lint"} <= named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("block", blocks("sh", "text"), ids=lambda block: block.name)
def test_every_command_and_option_in_a_block_exists(block: Block) -> None:
    for words in block.commands():
        known, left = _command(words)
        given = [word.partition("=")[0] for word in left if re.match(r"--?[a-z]", word)]
        assert [flag for flag in given if flag not in known | {"--help", "-h"}] == [], words


def _command(words: list[str]) -> tuple[set[str], list[str]]:
    """The options of the command that the words name, and what is left of them."""
    if words[0].startswith("-"):
        return set(), words
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in COMMANDS), None)
    assert name is not None, f"crossrank has no command {words}"
    parameters = load(COMMANDS[name]).params
    return {flag for one in parameters for flag in (*one.opts, *one.secondary_opts)}, words[len(name.split()) :]
