"""The report: files that stand alone, tell what was measured, and are never half-written."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.patches import Rectangle

from tests.training.evaluation.by_hand import CATALOGUE, PLAN, POPULARITY, random_evaluated
from training.evaluation import plots, report
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import SharedField
from training.evaluation.report import render_page, write_report
from training.report_kit.svg import DARK, LIGHT


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, text, and rows of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "source"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def sources(self) -> list[str]:
        """Everything that a browser would load."""
        names = ("src", "srcset", "href", "action", "data")
        return [value for _, attributes in self.tags for name, value in attributes.items() if name in names and value]


def foreign_sources(text: str) -> list[str]:
    """What the page would fetch from elsewhere, and styles or scripts that could."""
    found = [source for source in Page(text).sources() if not source.startswith("data:image/svg+xml;base64,")]
    return found + re.findall(r"url\([^)]*\)|@import[^;]*|<script", text)


@pytest.fixture(scope="module")
def found() -> Evaluation:
    plan = replace(PLAN, shared=(SharedField("author"),))
    return evaluate(random_evaluated(60, seed=1), plan, CATALOGUE, POPULARITY)


@pytest.fixture(scope="module")
def html(found: Evaluation) -> str:
    return render_page("films & <b>books</b>", found)


def test_the_page_needs_nothing_from_elsewhere(html: str) -> None:
    assert foreign_sources(html) == []
    assert len(Page(html).sources()) == 8, "four plots, each for a light and a dark page"


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="x.js"></script>',
        "<link rel=stylesheet href=https://example.org/a.css>",
        "<img src='plot.png'>",
        "<style>@import 'a.css';</style>",
        "<style>p { background: url(a.png) }</style>",
    ],
)
def test_a_foreign_source_would_be_seen(planted: str) -> None:
    assert foreign_sources(f"<html>{planted}")


def test_every_element_is_closed(html: str) -> None:
    assert Page(html).open == []


def test_text_is_never_read_as_markup(html: str) -> None:
    assert "films & <b>books</b>" in Page(html).text
    assert "b" not in {tag for tag, _ in Page(html).tags}


def test_the_page_tells_every_row_with_its_numbers_and_the_verdict(html: str, found: Evaluation) -> None:
    text = Page(html).text
    for one in found.methods:
        assert f"{one.name} {one.intervals['ndcg@10'].mean:.4f}" in text
    for verdict in found.verdicts:
        assert verdict.sentence in text
    for segment in found.segments:
        assert f"{segment.name} {segment.lists:,} {segment.targets:,}" in text
    assert f"{found.changes['ndcg@10'].difference:+.4f}" in text


def test_plots_are_svg_in_colours_for_light_and_dark(html: str) -> None:
    pictures = [b64decode(source.partition("base64,")[2]) for source in Page(html).sources()]
    assert all(ElementTree.fromstring(one).tag == "{http://www.w3.org/2000/svg}svg" for one in pictures)
    light, dark = pictures[1::2], pictures[0::2]
    assert all(LIGHT.text.encode() in one and DARK.text.encode() not in one for one in light)
    assert all(DARK.text.encode() in one and LIGHT.text.encode() not in one for one in dark)


def test_the_same_evaluation_gives_the_same_page(html: str, found: Evaluation) -> None:
    assert render_page("films & <b>books</b>", found) == html


def test_a_plot_has_a_mark_for_every_row_and_every_segment(found: Evaluation) -> None:
    means, differences, segments = (plot(found).axes for plot in (plots.means, plots.differences, plots.segments))
    assert [label.get_text() for label in means[0].get_yticklabels()] == [one.name for one in found.methods]
    assert [label.get_text() for label in differences[0].get_yticklabels()] == list(found.paired)
    assert len(segments[0].get_yticklabels()) == len(found.segments)
    bars = [bar.get_width() for bar in means[0].patches if isinstance(bar, Rectangle)]
    assert bars[: len(found.methods)] == pytest.approx([one.intervals["ndcg@10"].mean for one in found.methods])


def test_a_loss_is_drawn_left_of_the_line(found: Evaluation) -> None:
    worse = evaluate(random_evaluated(60, seed=1), replace(PLAN, final="noise", first_stage=("strong",)), CATALOGUE, {})
    axes = plots.differences(worse).axes[0]
    assert axes.get_xlim()[0] < min(one.low for one in worse.paired.values()) < 0 < axes.get_xlim()[1]
    assert 'class="verdict not"' in render_page("worse", worse)


def test_an_evaluation_without_segments_has_a_page_too(found: Evaluation) -> None:
    text = render_page("x", replace(found, segments=[]))
    assert len(Page(text).sources()) == 6
    assert "Where it gains" not in text


def test_both_files_are_written_and_the_json_is_the_evaluation(tmp_path: Path, found: Evaluation) -> None:
    files = write_report(tmp_path / "new" / "folder", "films", found)
    assert [file.name for file in files] == ["report.json", "report.html"]
    document = json.loads(files[0].read_text(encoding="utf-8"))
    assert document == json.loads(json.dumps({"dataset": "films", **found.to_dict()}))
    assert sorted(file.name for file in (tmp_path / "new" / "folder").iterdir()) == ["report.html", "report.json"]


def test_when_the_page_fails_the_old_report_stays(
    tmp_path: Path, found: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "render_page", lambda title, evaluation: title)
    files = write_report(tmp_path, "films", found)
    before = [file.read_bytes() for file in files]

    def broken(title: str, evaluation: Evaluation) -> str:
        raise MemoryError

    monkeypatch.setattr(report, "render_page", broken)
    with pytest.raises(MemoryError):
        write_report(tmp_path, "books", found)
    assert [file.read_bytes() for file in files] == before


def test_every_picture_has_its_caption_and_alternative_text(html: str) -> None:
    seen = Page(html)
    headings = [heading for _, heading, _ in report._CAPTIONS.values()]
    assert sorted(str(attributes["alt"]) for tag, attributes in seen.tags if tag == "img") == sorted(headings)
    assert all(caption in seen.text for _, _, caption in report._CAPTIONS.values())


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours "#rrggbb", from 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def grounds(html: str) -> list[str]:
    """Of the page: light, dark."""
    return re.findall(r"--ground: (#[0-9a-f]{3,6});", html)


def test_text_and_marks_can_be_told_from_the_ground_of_either_page(html: str) -> None:
    light, dark = (
        colour if len(colour) == 7 else "#" + "".join(2 * one for one in colour[1:]) for colour in grounds(html)
    )
    assert contrast(LIGHT.text, light) > 7
    assert contrast(DARK.text, dark) > 7
    for colour in plots.PARTS:
        assert min(contrast(colour, light), contrast(colour, dark)) > 2.2, colour


def test_a_colour_that_fades_into_the_ground_would_be_seen() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#eeeeee", "#ffffff") < 2.2
