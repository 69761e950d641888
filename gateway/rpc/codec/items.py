"""Items, attribute values and filters: messages to domain values and back."""

from collections.abc import Mapping, Sequence

from crossrank.v1 import types_pb2
from gateway.domain.checks import Checks, shown
from gateway.domain.values import AttributeValue, Filter, FilterKind, Item


def decode_fields(checks: Checks, path: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Text fields by name."""
    if not checks.count(path, len(fields), checks.rules.fields):
        return {}
    given = plain_fields(fields)
    if not fields_are_fine(checks, [given]):
        for name, text in given.items():
            checks.text(f"{path}[{shown(name)}].key", name, checks.rules.name)
            checks.text(f"{path}[{shown(name)}]", text, checks.rules.field_text)
    return given


def plain_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """A protobuf map as a dictionary, in half the time of dict()."""
    return {name: fields[name] for name in fields}


def fields_are_fine(checks: Checks, given: Sequence[Mapping[str, str]]) -> bool:
    """As ``Checks.fine``, for the fields of many items at once: a list that is right is looked at once, not item by
    item."""
    rules = checks.rules
    names = {name for fields in given for name in fields}
    texts = [text for fields in given for text in fields.values()]
    few = max(map(len, given), default=0) <= rules.fields.maximum
    return few and checks.fine(names, rules.name) and checks.fine(texts, rules.field_text)


def decode_value(checks: Checks, path: str, value: types_pb2.AttributeValue) -> AttributeValue:
    """The one kind that is set."""
    rules = checks.rules
    match value.WhichOneof("kind"):
        case "text":
            return checks.text(f"{path}.text", value.text, rules.label)
        case "number":
            return checks.number(f"{path}.number", value.number, rules.number)
        case "flag":
            return value.flag
        case "labels":
            checks.count(f"{path}.labels.values", len(value.labels.values), rules.labels)
            return decode_labels(checks, f"{path}.labels.values", value.labels)
    checks.fault(path, "received no kind; exactly one of text, number, flag, labels: set one")
    return ""


def decode_labels(checks: Checks, path: str, labels: types_pb2.Labels) -> tuple[str, ...]:
    """Each label once, in the order given."""
    for position, label in enumerate(labels.values[: checks.rules.labels.maximum]):
        checks.text(f"{path}[{position}]", label, checks.rules.label)
    return tuple(dict.fromkeys(labels.values))


def decode_values(
    checks: Checks, path: str, values: Mapping[str, types_pb2.AttributeValue]
) -> dict[str, AttributeValue]:
    """Attribute values by name."""
    for name in values:
        checks.text(f"{path}[{shown(name)}].key", name, checks.rules.name)
    return {name: decode_value(checks, f"{path}[{shown(name)}]", value) for name, value in values.items()}


def decode_item(checks: Checks, path: str, item: types_pb2.Item) -> Item:
    """An item of the catalogue."""
    within = checks.count(f"{path}.attributes", len(item.attributes), checks.rules.attributes)
    return Item(
        item_id=checks.text(f"{path}.item_id", item.item_id, checks.rules.required_id),
        fields=decode_fields(checks, f"{path}.fields", item.fields),
        attributes=decode_values(checks, f"{path}.attributes", item.attributes) if within else {},
    )


def decode_filters(checks: Checks, path: str, filters: Sequence[types_pb2.Filter]) -> tuple[Filter, ...]:
    """Filters, in order."""
    if not checks.count(path, len(filters), checks.rules.filters):
        return ()
    return tuple(_decode_filter(checks, f"{path}[{place}]", one) for place, one in enumerate(filters))


def _decode_filter(checks: Checks, path: str, message: types_pb2.Filter) -> Filter:
    attribute = checks.text(f"{path}.attribute", message.attribute, checks.rules.name)
    match message.WhichOneof("condition"):
        case "equals":
            value = decode_value(checks, f"{path}.equals", message.equals)
            return Filter(attribute, FilterKind.EQUALS, values=(value,))
        case "any_of":
            checks.count(f"{path}.any_of.values", len(message.any_of.values), checks.rules.any_of)
            labels = decode_labels(checks, f"{path}.any_of.values", message.any_of)
            return Filter(attribute, FilterKind.ANY_OF, values=labels)
        case "in_range":
            return _decode_range(checks, f"{path}.in_range", attribute, message.in_range)
    checks.fault(path, "received no condition; exactly one of equals, any_of, in_range: set one")
    return Filter(attribute, FilterKind.EQUALS)


def _decode_range(checks: Checks, path: str, attribute: str, bounds: types_pb2.NumberRange) -> Filter:
    minimum = maximum = None
    if bounds.HasField("minimum"):
        minimum = checks.number(f"{path}.minimum", bounds.minimum, checks.rules.number)
    if bounds.HasField("maximum"):
        maximum = checks.number(f"{path}.maximum", bounds.maximum, checks.rules.number)
    if minimum is not None and maximum is not None and minimum > maximum:
        checks.fault(path, f"received minimum {minimum:g} above maximum {maximum:g}; minimum <= maximum: swap them")
    return Filter(attribute, FilterKind.IN_RANGE, minimum=minimum, maximum=maximum)


def encode_item(item: Item) -> types_pb2.Item:
    """An item of the catalogue."""
    return types_pb2.Item(
        item_id=item.item_id,
        fields=item.fields,
        attributes={name: _encode_value(value) for name, value in item.attributes.items()},
    )


def _encode_value(value: AttributeValue) -> types_pb2.AttributeValue:
    if isinstance(value, bool):
        return types_pb2.AttributeValue(flag=value)
    if isinstance(value, str):
        return types_pb2.AttributeValue(text=value)
    if isinstance(value, tuple):
        return types_pb2.AttributeValue(labels=types_pb2.Labels(values=value))
    return types_pb2.AttributeValue(number=value)
