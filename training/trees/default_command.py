"""Makes the trees that ship for any catalogue, and the table of how they do on each when fitted on the others:
``python -m training.trees.default_command goodbooks=FOLDER movietweetings=FOLDER complete_journey=FOLDER
online_retail=FILE movielens=FOLDER``. Knows no store."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gateway.domain.files import replace_text
from gateway.domain.progress import Advance
from gateway.ranker import default_trees
from gateway.ranker.fitted import MeasuredOrder, Verdict
from training.data import complete_journey, goodbooks, movielens, movietweetings, online_retail
from training.data.sample import most_liked
from training.data.tables import Tables
from training.first_stage.text import item_vectors
from training.trees.default import DEFAULT, default_ranker, leave_one_out, prepare
from training.trees.own import OwnRanker
from training.trees.own_lists import TREES, OwnOptions

MOST_BOOKS = 4_000
"""EASE of all 10,000 would take the time of all the rest."""

LOADERS: Mapping[str, Callable[[Path], Tables]] = {
    "goodbooks": lambda folder: most_liked(goodbooks.from_folder(folder), MOST_BOOKS),
    "movietweetings": movietweetings.from_folder,
    "complete_journey": complete_journey.from_folder,
    "online_retail": online_retail.from_file,
    "movielens": movielens.from_recbole,
}

TEST_ONLY = frozenset({"movielens"})
"""Their licence forbids commerce: nothing that ships is fitted on them."""

HEADER = "| catalogue | users | best first stage | NDCG@10 | default | p | own trees | p |"
RULE = "|---|---|---|---|---|---|---|---|"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogues", nargs="+", metavar="NAME=PATH", help=f"of {', '.join(LOADERS)}")
    parser.add_argument("--folds", type=int, default=2, help="that trees are fitted on, and boosters")
    parser.add_argument("--lists", type=int, default=1_000, help="most lists of a fold")
    parser.add_argument("--to", type=Path, default=Path(default_trees.__file__).with_name(default_trees.FILE))
    arguments = parser.parse_args()
    options = OwnOptions(folds=arguments.folds, lists=arguments.lists, trees=replace(TREES, bag=arguments.folds))
    named = dict(one.partition("=")[::2] for one in arguments.catalogues)
    catalogues = {}
    for name, path in named.items():
        tables = LOADERS[name](Path(path))
        catalogues[name] = prepare(OwnRanker(tables, item_vectors(tables.items), silent, options=options))
        print(f"{name}: {len(tables.items)} items, {len(tables.interactions)} interactions", flush=True)
    learned = [name for name in named if name not in TEST_ONLY]
    print(HEADER, RULE, sep="\n")
    for name, verdict in leave_one_out(catalogues, learned, options.trees).items():
        print(row_of(name, verdict), flush=True)
    replace_text(arguments.to, default_ranker(catalogues, learned, options.trees).to_json() + "\n")


def row_of(name: str, verdict: Verdict) -> str:
    """A row of the table under HEADER."""
    rows = {row.name: row for row in verdict.rows}
    best = rows[verdict.first_stage]
    cells = [name, f"{verdict.users:,}", best.name, f"{best.ndcg:.4f}"]
    return f"| {' | '.join([*cells, *_trees(rows.get(DEFAULT)), *_trees(rows.get('own'))])} |"


def _trees(row: MeasuredOrder | None) -> tuple[str, str]:
    if row is None:
        return "none", ""
    difference = f"{row.difference:+.4f} [{row.difference_low:+.4f}, {row.difference_high:+.4f}]"
    return f"{row.ndcg:.4f} ({difference})", f"{row.p:.4f}"


@contextmanager
def silent(title: str, count: int | None) -> Iterator[Advance]:
    """A Progress that tells nothing."""
    del title, count
    yield lambda _: None


if __name__ == "__main__":
    main()
