"""Settings as people see them: a table of all, and those that were changed. Knows no environment."""

from dataclasses import dataclass, fields

from gateway.settings import PREFIX, Settings


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting as documentation shows it."""

    variable: str
    default: str
    unit: str
    bounds: tuple[float, float] | None
    why: str


def describe() -> list[Knob]:
    """All knobs in the order of declaration."""
    return [
        Knob(
            PREFIX + one.name.upper(),
            str(one.default),
            one.metadata["unit"],
            one.metadata["bounds"],
            one.metadata["why"],
        )
        for one in fields(Settings)
    ]


def changed(settings: Settings) -> dict[str, str]:
    """Those that are not the default, by variable."""
    values = ((one, getattr(settings, one.name)) for one in fields(Settings))
    return {PREFIX + one.name.upper(): str(value) for one, value in values if value != one.default}
