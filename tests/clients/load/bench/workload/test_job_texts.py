"""Workloads: lengths as promised, contexts never given twice, the same for the same seed."""

from datetime import UTC, datetime
from itertools import islice

import numpy as np
import pytest

from clients.load.bench.workload.job_texts import mixed, movielens
from clients.load.bench.workload.warm import USERS, zipf_jobs
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.encoding.bundle import open_bundle
from tests.clients.load.bench.made import MIX
from training.data.tables import InteractionRow, ItemRow, Tables

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENCODING = PROJECT_REPOSITORY / "cross_encoder" / "1" / "encoding"


def test_contexts_and_items_have_the_lengths_promised() -> None:
    mix = mixed(ENCODING / "tokenizer.json", seed=5)
    contexts = [len(job.context.split()) for job in islice(mix.jobs(10, 6), 500)]
    assert (min(contexts), max(contexts)) == (12, 40)
    items = np.array([len(item.split()) for item in mix.items])
    assert 23 <= np.median(items) <= 27
    assert 0.45 < np.log(items).std() < 0.55


def test_words_are_whole_so_that_a_pair_has_about_as_many_tokens_as_words() -> None:
    mix = mixed(ENCODING / "tokenizer.json", seed=5)
    encoder = open_bundle(ENCODING).encoder
    item = mix.items[0]
    assert len(encoder.encode_item({"title": item})) == len(item.split())


@pytest.mark.parametrize("seed", [1, 2])
def test_no_context_is_given_twice_and_no_item_twice_in_a_list(seed: int) -> None:
    jobs = list(islice(MIX.jobs(100, seed), 300))
    assert len({job.context for job in jobs}) == 300, f"seed {seed}"
    assert all(len(set(job.items)) == 100 for job in jobs)


def test_the_same_seed_gives_the_same_jobs_and_another_seed_others() -> None:
    assert list(islice(MIX.jobs(10, 3), 5)) == list(islice(MIX.jobs(10, 3), 5))
    assert next(MIX.jobs(10, 3)) != next(MIX.jobs(10, 4))


def test_movielens_contexts_are_as_many_liked_titles_as_the_model_reads() -> None:
    items = [ItemRow(str(n), {"title": f"film {n}", "year": "1995", "genres": "Drama"}) for n in range(40)]
    liked = [InteractionRow("u", str(n), "rating", 1.0, NOW) for n in range(20)]
    seen = [InteractionRow("u", str(n), "rating", 0.0, NOW) for n in range(20, 40)]
    encoder = open_bundle(ENCODING).encoder
    mix = movielens(Tables(items, [*liked, *seen]), encoder)
    spec = encoder.spec.context
    titles = next(mix.jobs(5, 1)).context.split(spec.part_separator)
    assert len(set(titles)) == spec.history_items
    assert set(titles) <= {f"film {n}" for n in range(20)}
    assert "film 3, 1995, Drama" in mix.items


def test_popular_users_come_again_and_lists_differ() -> None:
    jobs = list(islice(zipf_jobs(MIX, 1.2, seed=1), 200))
    contexts = [job.context for job in jobs]
    assert 1 < len(set(contexts)) < USERS
    counts = sorted((contexts.count(one) for one in set(contexts)), reverse=True)
    assert counts[0] > 200 / USERS * 4
    assert all(len(set(job.items)) == 100 for job in jobs)
    assert len({job.items for job in jobs}) > 190
