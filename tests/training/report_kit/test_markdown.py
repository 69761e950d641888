"""Markdown from templates: paragraphs of one width, texts as they were given, nothing missing in silence."""

import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from training.report_kit.markdown import WIDTH, render_markdown

TEMPLATE = """# {{ title }}
{% filter fill %}
{{ "word " * 29 }}word
of one paragraph
{% endfilter %}

{{ ("1. " ~ "step " * 40) | fill("   ") }}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "package_with_a_document"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.md.jinja").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    return folder.name


def test_paragraphs_are_filled_and_what_goes_on_is_set_in(package: str) -> None:
    title, paragraph, rest, step, more = render_markdown(package, "one.md.jinja", title="x").splitlines()
    assert (title, rest) == ("# x", " ".join(["word"] * 7 + ["of one paragraph"]))
    assert WIDTH - 5 < len(paragraph) <= WIDTH
    assert step.startswith("1. step")
    assert more.startswith("   step")


def test_markdown_keeps_what_it_is_given(package: str) -> None:
    assert render_markdown(package, "one.md.jinja", title="<b> & co").startswith("# <b> & co\n")


def test_a_value_that_is_missing_is_an_error(package: str) -> None:
    with pytest.raises(UndefinedError):
        render_markdown(package, "one.md.jinja")
