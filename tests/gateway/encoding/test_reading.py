"""The verdict on a version's reading: absent is not the same as "it never pays"."""

from pathlib import Path

import pytest

from gateway.domain.order import RequestKind
from gateway.encoding.bundle import fingerprint_of, open_bundle
from gateway.encoding.reading import READING_FILE, read_verdict
from gateway.ranker.spec import SpecInvalid
from tests.fakes.specs import small_bundle


def verdict(folder: Path, text: str) -> Path:
    file = folder / READING_FILE
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "pays"),
    [
        ('{"pays": []}', set()),
        ('{"pays": ["warm", "inline"]}', {RequestKind.WARM, RequestKind.INLINE}),
        ('{"pays": ["query"], "users": 300}', {RequestKind.QUERY}),
    ],
)
def test_kinds_for_which_reading_pays_are_read(tmp_path: Path, text: str, pays: set[RequestKind]) -> None:
    assert read_verdict(verdict(tmp_path, text)) == frozenset(pays)


def test_without_a_file_nobody_judged(tmp_path: Path) -> None:
    assert read_verdict(tmp_path / READING_FILE) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pays": 1}', '{"pays": ["often"]}', '{"pays": null}'])
def test_a_file_that_is_no_verdict_is_refused_and_says_what_may_stand_there(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecInvalid, match=r"reading\.json is no verdict .* warm, new_user, query, query_and_history"):
        read_verdict(verdict(tmp_path, text))


def test_a_bundle_has_its_verdict_which_changes_no_fingerprint(tmp_path: Path) -> None:
    bundle, folder = small_bundle(tmp_path), tmp_path / "encoding"
    assert bundle.reading is None
    verdict(folder, '{"pays": ["warm"]}')
    assert open_bundle(folder).reading == frozenset({RequestKind.WARM})
    assert fingerprint_of(folder) == bundle.fingerprint, "no score depends on it"
