"""Write ONNX files without the onnx package, which training containers lack.

An ONNX file is a protocol buffer, which is simple to write: each field is its number and wire type, followed
by a variable-length integer, or by a length and that many bytes. The field numbers are those of onnx.proto
(github.com/onnx/onnx). The same model gives the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

IR_VERSION = 8
OPSET = 17
TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7}


def model(
    nodes: Sequence[bytes],
    tensors: Mapping[str, np.ndarray],
    inputs: Mapping[str, tuple[str, Sequence[str | int]]],
    outputs: Mapping[str, tuple[str, Sequence[str | int]]],
) -> bytes:
    """The content of an ONNX file.

    Inputs and outputs map names to (dtype, shape); a dimension is a number or a name. `nodes` are results of
    `node`, `tensors` the constants by name.
    """
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"deep"),
            *(_bytes(5, _tensor(name, array)) for name, array in tensors.items()),
            *(_bytes(11, _value(name, *kind)) for name, kind in inputs.items()),
            *(_bytes(12, _value(name, *kind)) for name, kind in outputs.items()),
        ]
    )
    return b"".join(
        [
            _integer(1, IR_VERSION),
            _bytes(2, b"sentiment"),
            _bytes(7, graph),
            _bytes(8, _bytes(1, b"") + _integer(2, OPSET)),
        ]
    )


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


def _tensor(name: str, array: np.ndarray) -> bytes:
    little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return b"".join(
        [
            *(_integer(1, size) for size in array.shape),
            _integer(2, TYPES[array.dtype.name]),
            _bytes(8, name.encode()),
            _bytes(9, little_endian.tobytes()),
        ]
    )


def _value(name: str, dtype: str, shape: Iterable[str | int]) -> bytes:
    sizes = (_integer(1, size) if isinstance(size, int) else _bytes(2, size.encode()) for size in shape)
    dimensions = b"".join(_bytes(1, size) for size in sizes)
    tensor_type = _integer(1, TYPES[dtype]) + _bytes(2, dimensions)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor_type))


def _integer(field: int, number: int) -> bytes:
    return _variable_length(field << 3) + _variable_length(number & 0xFFFFFFFFFFFFFFFF)


def _bytes(field: int, content: bytes) -> bytes:
    return _variable_length(field << 3 | 2) + _variable_length(len(content)) + content


def _variable_length(number: int) -> bytes:
    """Encode seven bits in each byte, the lowest first; the highest bit says that more bytes follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
