"""Looks for external data in an ONNX file without loading it.

Such a model names other files that onnxruntime would read in its place. The package onnx, which could tell, is needed
for the export alone; the format is protobuf: https://protobuf.dev/programming-guides/encoding/, fields of onnx.proto.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

DEEPEST = 100
"""Messages inside each other; protobuf itself reads no more."""
INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
"""Message → number of a field → the message that it holds."""
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor: where its values lie outside of the file, and whether they do."""


def has_external_data(file: Path) -> bool:
    """Whether a tensor's values lie in another file.

    Raises:
        ValueError: the file is not in the format.
        OSError: it cannot be read.
    """
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _is_external(data, 0, len(data), "model", 0)


def _is_external(data: mmap.mmap, start: int, end: int, kind: str, depth: int) -> bool:
    if depth > DEEPEST:
        raise ValueError("its messages lie too deep in each other")
    for number, value, first in _fields(data, start, end):
        if kind == "tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value == 1)):
            return True
        inside = INSIDE[kind].get(number)
        if inside and first and _is_external(data, first, first + value, inside, depth + 1):
            return True
    return False


def _fields(data: mmap.mmap, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number and value of each field of a message; of one that holds bytes their number, and where they start."""
    while place < end:
        first = 0
        tag, place = _varint(data, place, end)
        value = 0
        if tag & 7 in (0, 2):
            value, place = _varint(data, place, end)
        if tag & 7 == 2:
            first, place = place, place + value
        elif tag & 7 in (1, 5):
            place += 8 if tag & 7 == 1 else 4
        elif tag & 7 != 0:  # groups, which ONNX does not have
            raise ValueError("it is not a protobuf")
        if place > end:
            raise ValueError("it ends too early")
        yield tag >> 3, value, first


def _varint(data: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    value = 0
    for position in range(10):
        if place >= end:
            raise ValueError("it ends too early")
        byte, place = data[place], place + 1
        value |= (byte & 127) << (7 * position)
        if byte < 128:
            return value, place
    raise ValueError("it is not a protobuf")
