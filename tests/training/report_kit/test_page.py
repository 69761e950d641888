"""Pages from templates of a package that extend the kit's: whole, and text stays text."""

import sys
from base64 import b64decode
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from training.report_kit import svg
from training.report_kit.page import Picture, picture, render

TEMPLATE = """{% extends "page.html.jinja" %}
{% from "figure.html.jinja" import figure %}
{% block title %}A {{ title }}{% endblock %}
{% block body %}
<h1>{{ title }}</h1>
{{ figure(shown) }}
{% endblock %}
"""
SHOWN = Picture("A heading", "What <it> means.", "data:light", "data:dark")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "package_of_pages"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.html.jinja").write_text(TEMPLATE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    return folder.name


def test_a_template_of_a_package_becomes_a_whole_page(package: str) -> None:
    page = render(package, "one.html.jinja", title="page", shown=SHOWN)
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    assert "<title>A page</title>" in page
    assert page.count("<style>") == 1


def test_text_is_never_read_as_markup(package: str) -> None:
    page = render(package, "one.html.jinja", title="<b>", shown=SHOWN)
    assert "<h1>&lt;b&gt;</h1>" in page
    assert "What &lt;it&gt; means." in page


def test_a_picture_is_shown_by_the_ground_of_the_page_with_its_heading_as_alternative_text(package: str) -> None:
    page = render(package, "one.html.jinja", title="x", shown=SHOWN)
    assert '<source srcset="data:dark" media="(prefers-color-scheme: dark)">' in page
    assert '<img src="data:light" alt="A heading">' in page


def test_a_picture_without_a_caption_has_none(package: str) -> None:
    assert "<figcaption>" not in render(package, "one.html.jinja", title="x", shown=Picture("h", "", "l", "d"))


def test_what_a_template_misses_is_an_error_not_a_gap(package: str) -> None:
    with pytest.raises(UndefinedError, match="shown"):
        render(package, "one.html.jinja", title="x")
    with pytest.raises(TemplateNotFound):
        render(package, "two.html.jinja")


def test_a_picture_holds_the_plot_for_both_grounds() -> None:
    made = picture("A heading", lambda: svg.figure(2)[0], "Why.")
    light, dark = (b64decode(one.removeprefix("data:image/svg+xml;base64,")) for one in (made.light, made.dark))
    assert (made.heading, made.caption) == ("A heading", "Why.")
    assert light == svg.draw(lambda: svg.figure(2)[0], svg.LIGHT)
    assert dark == svg.draw(lambda: svg.figure(2)[0], svg.DARK)
