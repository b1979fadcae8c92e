"""Write ONNX files, and read them back, without the onnx package, which training containers lack.

An ONNX file is a protocol buffer, which is simple to write: each field is its number and wire type, followed
by a variable-length integer, or by a length and that many bytes. The field numbers are those of onnx.proto
(github.com/onnx/onnx). The same model gives the same bytes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

IR_VERSION = 8
OPSET = 17
TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}

Kinds = Mapping[str, tuple[str, tuple[int, ...]]]
"""The (dtype, shape) of tensors, by name."""
Values = Mapping[str, tuple[str, Sequence[str | int]]]
"""The (dtype, shape) of inputs or outputs, by name; a dimension is a number or a name."""


def model(
    nodes: Sequence[bytes], tensors: Mapping[str, np.ndarray], inputs: Values, outputs: Values
) -> bytes:
    """The content of an ONNX file. `nodes` are results of `node`, `tensors` the constants by name."""
    kinds = {name: (array.dtype.name, array.shape) for name, array in tensors.items()}
    contents = [array.astype(_stored(array.dtype.name), copy=False).tobytes() for array in tensors.values()]
    parts = zip(_around_tensors(nodes, kinds, inputs, outputs), [*contents, b""], strict=True)
    return b"".join(chain.from_iterable(parts))


def read_tensors(
    content: bytes, nodes: Sequence[bytes], kinds: Kinds, inputs: Values, outputs: Values
) -> dict[str, np.ndarray]:
    """The tensors by name in a file that `model` has written, without a copy.

    Raises ValueError for one whose nodes, kinds of tensors, inputs or outputs differ.
    """
    tensors, place = {}, 0
    *before, end = _around_tensors(nodes, kinds, inputs, outputs)
    for part, (name, (dtype, shape)) in zip(before, kinds.items(), strict=True):
        start, place = place + len(part), place + len(part) + _size(dtype, shape)
        if not (content.startswith(part, start - len(part)) and place <= len(content)):
            raise ValueError("it is not the graph of the model's architecture")
        tensors[name] = np.frombuffer(content, _stored(dtype), math.prod(shape), start).reshape(shape)
    if content[place:] != end:
        raise ValueError("it is not the graph of the model's architecture")
    return tensors


def _around_tensors(nodes: Sequence[bytes], kinds: Kinds, inputs: Values, outputs: Values) -> list[bytes]:
    """The file without the contents of its N tensors: the N + 1 parts before, between and after them."""
    begin = b"".join([*(_bytes(1, node) for node in nodes), _bytes(2, b"deep")])
    heads = [_head_of_tensor(name, *kind) for name, kind in kinds.items()]
    end = b"".join(
        [
            *(_bytes(11, _value(name, *kind)) for name, kind in inputs.items()),
            *(_bytes(12, _value(name, *kind)) for name, kind in outputs.items()),
        ]
    )
    of_graph = [begin, *heads, end]
    size = sum(map(len, of_graph)) + sum(_size(*kind) for kind in kinds.values())
    begin = _integer(1, IR_VERSION) + _bytes(2, b"sentiment") + _head(7, size) + begin
    first, *others = [*heads, end + _bytes(8, _bytes(1, b"") + _integer(2, OPSET))]
    return [begin + first, *others]


def node(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int | str | list[int]
) -> bytes:
    """One operation of a graph; an input named "" is omitted. Attributes are int, str or list of int."""
    parts = [_bytes(1, name.encode()) for name in inputs]
    parts += [_bytes(2, name.encode()) for name in outputs]
    parts += [_bytes(4, operator.encode())]
    parts += [_bytes(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: int | str | Sequence[int]) -> bytes:
    if isinstance(value, int):
        content, kind = _integer(3, value), 2
    elif isinstance(value, str):
        content, kind = _bytes(4, value.encode()), 3
    else:
        content, kind = b"".join(_integer(8, number) for number in value), 7
    return _bytes(1, name.encode()) + content + _integer(20, kind)


def _head_of_tensor(name: str, dtype: str, shape: tuple[int, ...]) -> bytes:
    """A tensor without its content, which comes last."""
    size = _size(dtype, shape)
    described = b"".join(
        [
            *(_integer(1, length) for length in shape),
            _integer(2, TYPES[dtype]),
            _bytes(8, name.encode()),
            _head(9, size),
        ]
    )
    return _head(5, len(described) + size) + described


def _size(dtype: str, shape: tuple[int, ...]) -> int:
    """The bytes of a tensor's content."""
    return math.prod(shape) * np.dtype(dtype).itemsize


def _stored(dtype: str) -> np.dtype:
    """How numbers of a type are stored: little-endian, on every machine."""
    return np.dtype(dtype).newbyteorder("<")


def _value(name: str, dtype: str, shape: Iterable[str | int]) -> bytes:
    sizes = (_integer(1, size) if isinstance(size, int) else _bytes(2, size.encode()) for size in shape)
    dimensions = b"".join(_bytes(1, size) for size in sizes)
    tensor_type = _integer(1, TYPES[dtype]) + _bytes(2, dimensions)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor_type))


def _integer(field: int, number: int) -> bytes:
    return _variable_length(field << 3) + _variable_length(number & 0xFFFFFFFFFFFFFFFF)


def _bytes(field: int, content: bytes) -> bytes:
    return _head(field, len(content)) + content


def _head(field: int, size: int) -> bytes:
    """What is before the content, of this size, of a field."""
    return _variable_length(field << 3 | 2) + _variable_length(size)


def _variable_length(number: int) -> bytes:
    """Encode seven bits in each byte, the lowest first; the highest bit says that more bytes follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
