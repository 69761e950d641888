"""How the sources that serve are blended: items that nobody liked have places of their own, behind all others."""

from gateway.candidates.blend import fuse
from gateway.candidates.served import served_blend
from tests.fakes.sources import hits_of

LIKED = [f"a{number:03}" for number in range(1_000)]
COLD = [f"c{number:03}" for number in range(100)]


def test_a_tenth_of_the_places_is_for_items_that_nobody_liked_nearest_first_behind_all_others() -> None:
    for limit in (10, 100, 1_000):
        lists = [hits_of("follows", LIKED), hits_of("cold_items", COLD)]
        kept = limit // 10
        fused = fuse(lists, limit, served_blend())
        assert [one.item_id for one in fused] == [*LIKED[: limit - kept], *COLD[:kept]]


def test_places_can_be_kept_for_none() -> None:
    fused = fuse([hits_of("follows", LIKED), hits_of("cold_items", COLD)], 100, served_blend(0.0))
    assert [one.item_id for one in fused] == LIKED[:100]


def test_the_source_of_cold_items_changes_no_order_that_ranks_of_others_make() -> None:
    cold = hits_of("cold_items", [LIKED[998], LIKED[999]])
    fused = fuse([hits_of("follows", LIKED), cold], 1_000, served_blend())
    assert [one.item_id for one in fused] == LIKED


def test_ease_counts_twice() -> None:
    assert served_blend().weights["item_neighbors"] == 2.0
