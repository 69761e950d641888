"""An element of a text tensor as text fields: plain text, or a JSON object of fields. Knows no tensor."""

import json
from typing import Any

from gateway.domain.checks import Checks, shown
from gateway.rpc.codec.items import decode_fields


def decode_text(checks: Checks, path: str, element: bytes) -> str:
    """The element as text; empty after a fault."""
    try:
        return element.decode()
    except UnicodeDecodeError as fault:
        checks.fault(path, f"received byte 0x{element[fault.start]:02X} at {fault.start}; UTF-8: encode the text so")
        return ""


def decode_text_fields(checks: Checks, path: str, element: bytes, first_field: str) -> dict[str, str]:
    """Text fields by name. An element that begins with "{" is a JSON object of fields, any other is the text of
    ``first_field``: nothing is guessed, so a text that begins with "{" must come as an object."""
    text = decode_text(checks, path, element)
    if not text.startswith("{"):
        return {first_field: checks.text(path, text, checks.rules.field_text)}
    try:
        given = json.loads(text, object_pairs_hook=_each_name_once)
    except (ValueError, RecursionError) as fault:
        why = str(fault) if isinstance(fault, ValueError) else "too deeply nested"
        checks.fault(
            path,
            f'received a text that begins with "{{" and is no JSON object ({why}); plain text, or an object of fields: '
            f'write {{"{first_field}": "…"}}',
        )
        return {}
    if odd := [name for name, value in given.items() if not _is_text(name) or not _is_text(value)]:
        checks.fault(f"{path}[{shown(odd[0])}]", "received no text; each field is a text: put it in quotes")
        return {}
    return decode_fields(checks, path, given)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name comes twice")
    return dict(pairs)


def _is_text(value: Any) -> bool:
    """A string without lone surrogates, which JSON can write and UTF-8 cannot."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))
