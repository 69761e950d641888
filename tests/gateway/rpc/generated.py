"""Hypothesis strategies for any message of the API, made from its descriptor: tame ones, mostly legal, and odd ones."""

from collections.abc import Callable, Mapping, MutableSequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

INT32 = st.integers(-(2**31), 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
ODD_TEXTS = st.one_of(
    st.sampled_from(["", "\0", "a\0b", "x" * 257, "é" * 200, "a\nb", "\u202e", "'; DROP TABLE items;--", "💥" * 70]),
    st.text(max_size=40),
)


@dataclass(frozen=True)
class Style:
    """How values are chosen. ``complete`` messages set every field; ``longest`` bounds lists and maps."""

    scalars: Mapping[int, st.SearchStrategy[Any]]
    complete: bool
    longest: int


def _scalars(texts: st.SearchStrategy[str], numbers: st.SearchStrategy[float], whole: Mapping[int, Any]) -> Any:
    return {
        FieldDescriptor.TYPE_STRING: texts,
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_BYTES: st.one_of(texts.map(str.encode), st.binary(max_size=40)),
        FieldDescriptor.TYPE_DOUBLE: numbers,
        FieldDescriptor.TYPE_FLOAT: numbers,
        **whole,
    }


TAME = Style(
    _scalars(
        st.sampled_from(["a", "popular", "item_neighbors"]),
        st.floats(0, 1, width=32),
        {
            FieldDescriptor.TYPE_UINT32: st.integers(1, 20),
            FieldDescriptor.TYPE_INT32: st.integers(0, 1000),
            FieldDescriptor.TYPE_INT64: st.integers(0, 2**30),
            FieldDescriptor.TYPE_UINT64: st.integers(0, 2**30),
            FieldDescriptor.TYPE_ENUM: st.integers(0, 2),
        },
    ),
    complete=True,
    longest=1,
)
ODD = Style(
    _scalars(
        st.one_of(st.just("a"), ODD_TEXTS),
        st.floats(width=32),
        {
            FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
            FieldDescriptor.TYPE_INT32: INT32,
            FieldDescriptor.TYPE_INT64: INT64,
            FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
            FieldDescriptor.TYPE_ENUM: INT32,
        },
    ),
    complete=False,
    longest=3,
)


@cache
def messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Messages of the type, half of them tame."""
    return st.one_of(_messages(descriptor, TAME), _messages(descriptor, ODD), _crowded(descriptor))


def _messages(descriptor: Descriptor, style: Style) -> st.SearchStrategy[Message]:
    make: Callable[..., Message] = GetMessageClass(descriptor)
    in_oneof = {field.name for oneof in descriptor.oneofs if len(oneof.fields) > 1 for field in oneof.fields}
    plain = {field.name: _field(field, style) for field in descriptor.fields if field.name not in in_oneof}
    choices = [
        st.sampled_from(list(oneof.fields)).flatmap(lambda field: st.tuples(st.just(field.name), _field(field, style)))
        for oneof in descriptor.oneofs
        if len(oneof.fields) > 1
    ]
    values = st.fixed_dictionaries(plain) if style.complete else st.fixed_dictionaries({}, optional=plain)
    return st.tuples(values, st.tuples(*choices)).map(lambda drawn: make(**drawn[0], **dict(drawn[1])))


def _field(field: FieldDescriptor, style: Style) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return st.dictionaries(_single(key, style), _single(value, style), max_size=style.longest)
    if field.is_repeated:
        return st.lists(_single(field, style), min_size=style.complete, max_size=style.longest)
    return _single(field, style)


def _single(field: FieldDescriptor, style: Style) -> st.SearchStrategy[Any]:
    return _messages(field.message_type, style) if field.message_type is not None else style.scalars[field.type]


def _crowded(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """A tame message in which every repeated field repeats its value 1001 times."""

    def crowd(message: Message) -> Message:
        for field in descriptor.fields:
            values = getattr(message, field.name)
            if field.is_repeated and isinstance(values, MutableSequence):
                values.extend(list(values) * 1000)
        return message

    return _messages(descriptor, TAME).map(crowd)
