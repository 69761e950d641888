"""Gives the initializers of an exported graph the names of the model parameters they hold. Knows no model family."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, numpy_helper

TRANSPOSED = ".T"
"""Suffix of an initializer that holds a parameter the other way round."""

SHARED = "shared_parameters"
"""Metadata key: JSON object, parameter → initializer, for parameters that have no initializer of their own name."""

CONSTANT = "constant_parameters"
"""Metadata key: JSON object, parameter → its only value, for those that exporters leave out, such as a zero bias."""

Array = npt.NDArray[Any]


def name_initializers(graph: ModelProto, parameters: Mapping[str, Array]) -> None:
    """Renames in place. Values decide: exporters fold transposes into anonymous constants and store equal ones once."""
    free = _by_content(parameters)
    names: dict[str, str] = {}
    for initializer in graph.graph.initializer:
        candidates = free.get(_content(numpy_helper.to_array(initializer)), [])
        if candidates:
            own = next((name for name in candidates if initializer.name.endswith(name)), candidates[0])
            candidates.remove(own)
            names[initializer.name] = own
    _rename(graph, names)
    shared = _shared(names.values(), parameters)
    held = {name.removesuffix(TRANSPOSED) for name in names.values()} | shared.keys()
    set_metadata(graph, SHARED, shared)
    set_metadata(graph, CONSTANT, _constants({name: parameters[name] for name in parameters.keys() - held}))


def name_output(graph: ModelProto, name: str) -> None:
    """Renames the only output, and whatever inner tensor had that name."""
    (output,) = graph.graph.output
    names = {name: f"{name}.inner", output.name: name}
    output.name = name
    for node in graph.graph.node:
        node.input[:] = [names.get(one, one) for one in node.input]
        node.output[:] = [names.get(one, one) for one in node.output]
    for info in graph.graph.value_info:
        info.name = names.get(info.name, info.name)


def set_metadata(graph: ModelProto, key: str, value: Any) -> None:
    """Adds one entry to the graph's metadata, as JSON."""
    graph.metadata_props.add(key=key, value=json.dumps(value))


def metadata(graph: ModelProto) -> dict[str, Any]:
    """The graph's metadata."""
    return {entry.key: json.loads(entry.value) for entry in graph.metadata_props}


def _content(value: Array) -> bytes:
    shape = repr((value.dtype.str, value.shape)).encode()
    return hashlib.blake2b(shape + np.ascontiguousarray(value).tobytes(), digest_size=16).digest()


def _by_content(parameters: Mapping[str, Array]) -> dict[bytes, list[str]]:
    found: dict[bytes, list[str]] = {}
    for name, value in parameters.items():
        found.setdefault(_content(value), []).append(name)
    for name, value in parameters.items():
        if value.ndim == 2:
            found.setdefault(_content(value.T), []).append(name + TRANSPOSED)
    return found


def _shared(taken: Iterable[str], parameters: Mapping[str, Array]) -> dict[str, str]:
    """Parameters whose value the graph has under another parameter's name only."""
    named = {name.removesuffix(TRANSPOSED): name for name in taken}
    holder = {_content(parameters[parameter]): name for parameter, name in named.items()}
    return {
        name: holder[_content(value)]
        for name, value in parameters.items()
        if name not in named and _content(value) in holder
    }


def _constants(parameters: Mapping[str, Array]) -> dict[str, float]:
    return {name: float(value.flat[0]) for name, value in sorted(parameters.items()) if value.min() == value.max()}


def _rename(graph: ModelProto, names: Mapping[str, str]) -> None:
    for initializer in graph.graph.initializer:
        initializer.name = names.get(initializer.name, initializer.name)
    for node in graph.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
