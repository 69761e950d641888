"""Small messages that several tests need."""

from crossrank.v1 import types_pb2


def labels(count: int) -> types_pb2.Labels:
    return types_pb2.Labels(values=[f"l{place}" for place in range(count)])


def text_value(text: str) -> types_pb2.AttributeValue:
    return types_pb2.AttributeValue(text=text)
