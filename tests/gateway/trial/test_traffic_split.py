"""A draw is sticky, fair within chance, and independent of other draws."""

import math
import random

import pytest

from gateway.domain.budget import Budget, Call
from gateway.domain.values import Context
from gateway.trial.traffic_split import TrafficSplit

USERS = 20_000
SIGMAS = 4.5
"""Of a binomial count: chance exceeds it once in about 150,000 runs."""


def taken(draw: TrafficSplit, users: list[str]) -> set[str]:
    return {user for user in users if draw.takes(Context(user_id=user), Call("any", Budget(1.0)))}


def invented_users(seed: int) -> list[str]:
    generator = random.Random(seed)
    return [f"user-{generator.getrandbits(60)}" for _ in range(USERS)]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_the_share_holds_within_chance(share: float) -> None:
    seed = random.SystemRandom().randrange(2**31)
    count = len(taken(TrafficSplit("canary:cross_encoder:2", share), invented_users(seed)))
    expected, deviation = share * USERS, math.sqrt(share * (1 - share) * USERS)
    assert abs(count - expected) < SIGMAS * deviation, f"seed {seed}: {count} of {USERS}"


def test_numbered_users_are_drawn_as_fairly_as_random_ones() -> None:
    count = len(taken(TrafficSplit("canary", 0.2), [str(number) for number in range(USERS)]))
    assert abs(count - 0.2 * USERS) < SIGMAS * math.sqrt(0.2 * 0.8 * USERS)


def test_a_user_is_always_on_the_same_side_whatever_the_request() -> None:
    draws = [TrafficSplit("canary", 0.3), TrafficSplit("canary", 0.3)]
    sides = {
        draw.takes(Context(user_id="u7", session_query=query), Call(query, Budget(1.0)))
        for draw in draws
        for query in "abcdefgh"
    }
    assert len(sides) == 1


def test_who_takes_part_still_does_when_the_share_grows() -> None:
    users = invented_users(5)
    assert taken(TrafficSplit("canary", 0.05), users) < taken(TrafficSplit("canary", 0.2), users)


def test_two_trials_draw_independently() -> None:
    seed = random.SystemRandom().randrange(2**31)
    users = invented_users(seed)
    both = taken(TrafficSplit("canary:1", 0.5), users) & taken(TrafficSplit("canary:2", 0.5), users)
    assert abs(len(both) - USERS / 4) < SIGMAS * math.sqrt(USERS * 3 / 16), f"seed {seed}: {len(both)}"


def test_requests_without_a_user_are_drawn_each_for_itself() -> None:
    draw = TrafficSplit("canary", 0.5)
    sides = [draw.takes(Context(query="space"), Call(f"request-{number}", Budget(1.0))) for number in range(200)]
    assert 60 < sum(sides) < 140


def test_shares_of_none_and_of_all_are_exact() -> None:
    users = invented_users(6)
    assert taken(TrafficSplit("canary", 0.0), users) == set()
    assert len(taken(TrafficSplit("canary", 1.0), users)) == len(set(users))
