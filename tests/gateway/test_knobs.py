"""Settings as people see them: each with its reason, and what was changed."""

from gateway.knobs import changed, describe
from gateway.settings import read_settings


def test_every_setting_says_why_and_every_default_is_inside_its_bounds() -> None:
    for knob in describe():
        assert knob.why, knob.variable
        if knob.bounds:
            assert knob.bounds[0] <= float(knob.default) <= knob.bounds[1], knob.variable


def test_those_that_are_not_the_default_are_told_by_variable() -> None:
    settings = read_settings({"CROSSRANK_READING": "never", "CROSSRANK_DEFAULT_TOP_N": "10"})
    assert changed(settings) == {"CROSSRANK_READING": "never"}
