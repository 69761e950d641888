"""The quick look at many texts never passes one that the close look would refuse."""

import random

import pytest

from gateway.domain.checks import Checks
from gateway.domain.errors import InvalidRequest
from gateway.domain.limits import Limits
from gateway.domain.rules import Characters, Rules, TextRule
from gateway.rpc.codec.items import decode_fields


def refused(values: list[str], rule: TextRule) -> bool:
    checks = Checks(Rules(Limits()))
    for value in values:
        checks.text("field", value, rule)
    try:
        checks.refuse_faults()
    except InvalidRequest:
        return True
    return False


@pytest.mark.parametrize("characters", list(Characters))
def test_what_is_fine_at_a_glance_has_no_fault(characters: Characters) -> None:
    seed = 20261123
    draw = random.Random(seed)
    found = {True: 0, False: 0}
    for _ in range(3000):
        rule = TextRule(draw.randint(0, 2), draw.randint(3, 12), characters)
        values = ["".join(draw.choices("aB1_-ü中☃ ", k=draw.randint(0, 6))) for _ in range(draw.randint(0, 3))]
        if values and draw.random() < 0.2:
            values[-1] += draw.choice("\0\n\x7f!")
        fine = Checks(Rules(Limits())).fine(values, rule)
        assert not (fine and refused(values, rule)), f"seed {seed}: {values} {rule}"
        found[fine] += 1
    assert min(found.values()) > 100, f"seed {seed}: {found}"


@pytest.mark.parametrize(
    ("fields", "named"),
    [({"title": "heat", "Bad name": "x"}, "'Bad name'"), ({"title": "a\0b", "year": "1995"}, "'title'")],
)
def test_one_bad_field_among_good_ones_is_named(fields: dict[str, str], named: str) -> None:
    checks = Checks(Rules(Limits()))
    assert decode_fields(checks, "candidates[0].fields", fields) == fields
    with pytest.raises(InvalidRequest) as raised:
        checks.refuse_faults()
    assert [named in violation.field for violation in raised.value.violations] == [True]


def test_a_text_of_the_greatest_size_is_accepted_in_any_alphabet() -> None:
    most = Limits().max_field_bytes
    for text in ("a" * most, "中" * (most // 3)):
        checks = Checks(Rules(Limits()))
        assert decode_fields(checks, "fields", {"title": text}) == {"title": text}
        checks.refuse_faults()
