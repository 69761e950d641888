"""The limits of the API, for tables: what could not be indexed is refused where it is read, before anything is learned
from it. Knows no column by name."""

from collections.abc import Collection

from gateway.domain.checks import Checks
from gateway.domain.errors import InvalidRequest
from gateway.domain.limits import Limits
from gateway.domain.rules import Rules, TextRule
from training.data.rows import Row
from training.errors import TableInvalid

RULES = Rules(Limits())


def check_text(row: Row, column: str, text: str, rule: TextRule) -> None:
    """Raises TableInvalid when the API would refuse this text of a column."""
    checks = Checks(RULES)
    checks.text(column, text, rule)
    if told := _fault(checks):
        raise row.fault(column, *told)


def check_field_names(row: Row, names: Collection[str]) -> None:
    """Raises TableInvalid when the API would refuse fields of these names; ``row`` is any of their table."""
    if not all(map(str.strip, names)):
        remedy = "name it, or leave it out; what pandas writes without index=False begins with one"
        raise TableInvalid(row.file, "", "", "a column has no name", remedy)
    checks = Checks(RULES)
    checks.count("", len(names), RULES.fields)
    if told := _fault(checks):
        raise TableInvalid(row.file, "", "", *told)
    for name in names:
        checks.text("", name, RULES.name)
        if told := _fault(checks):
            raise TableInvalid(row.file, "", name, *told)


def _fault(checks: Checks) -> tuple[str, str] | None:
    """What was received and what is allowed, and what to do."""
    try:
        checks.refuse_faults()
    except InvalidRequest as fault:
        message, _, remedy = fault.violations[0].description.rpartition(": ")
        return message, remedy
    return None
