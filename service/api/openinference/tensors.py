"""Tensors on the wire: shapes, data types, JSON and bytes (little-endian, row-major)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.api.openinference.request import JSON_LENGTH, bad
from service.api.openinference.wire import Input, TensorMetadata
from service.errors import ServiceError

DTYPES: Final[dict[str, np.dtype[Any]]] = {"UINT8": np.dtype("<u1"), "UINT16": np.dtype("<u2"), "FP32": np.dtype("<f4")}
ANY: Final = -1


@dataclass(frozen=True, slots=True)
class Spec:
    """What a model says of a tensor; the first data type is the one its metadata name."""

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def metadata(self) -> TensorMetadata:
        return TensorMetadata(name=self.name, datatype=self.datatypes[0], shape=list(self.shape))

    def check(self, tensor: Input) -> None:
        """Compare name, type and shape.

        Raises:
            ServiceError: what differs.
        """
        if tensor.name != self.name:
            raise bad(f"input {tensor.name[:64]!r}; the model takes one, {self.name!r}")
        if tensor.datatype not in self.datatypes:
            raise bad(f"{self.name}: datatype {tensor.datatype[:64]!r}; send {' or '.join(self.datatypes)}")
        fits = len(tensor.shape) == len(self.shape)
        if not fits or any(want not in (ANY, got) for want, got in zip(self.shape, tensor.shape, strict=True)):
            raise bad(f"{self.name}: shape {tensor.shape}; send {list(self.shape)}, where -1 is any size")


def read_tensor(tensor: Input, binary: memoryview) -> NDArray[np.generic]:
    """The values of the only input of a request; the caller has bounded its shape.

    Args:
        binary: what follows the JSON.

    Raises:
        ServiceError: there are not as many values as the shape says, or not of its type.
    """
    dtype, promised = DTYPES[tensor.datatype], tensor.parameters.binary_data_size
    if tensor.parameters.shared_memory_region is not None:
        raise bad(f"{tensor.name}: shared memory is not served; send the data")
    if len(binary) != (promised or 0):
        raise bad(f"{len(binary)} bytes follow the JSON, its inputs promise {promised or 0}; is {JSON_LENGTH} right?")
    if (promised is None) == (tensor.data is None):
        raise bad(f"{tensor.name}: give either data or binary_data_size")
    if tensor.data is not None:
        return _read_json(tensor.name, tensor.data, tensor.shape, dtype)
    expected = math.prod(tensor.shape) * dtype.itemsize
    if promised != expected:
        raise bad(
            f"{tensor.name}: {tensor.shape} of {tensor.datatype} are {expected} bytes, binary_data_size is {promised}"
        )
    values: NDArray[np.generic] = np.frombuffer(binary, dtype).reshape(tensor.shape)
    return np.require(values, dtype.newbyteorder("="), ("C_CONTIGUOUS", "ALIGNED"))


def _read_json(name: str, data: list[Any], shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[np.generic]:
    values = _flatten(name, data, shape) if data and isinstance(data[0], list) else data
    if len(values) != math.prod(shape):
        raise bad(f"{name}: {list(shape)} are {math.prod(shape)} values, data has {len(values)}")
    numbers, called = ({int, float}, "numbers") if dtype.kind == "f" else ({int}, "whole numbers")
    if not numbers.issuperset(map(type, values)):
        raise bad(f"{name}: data must be {called}")
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype.newbyteorder("=")).reshape(shape)
    except OverflowError as error:
        raise _out_of_range(name, dtype) from error
    if not np.isfinite(array).all():
        raise _out_of_range(name, dtype)
    return array


def _flatten(name: str, data: list[Any], shape: Sequence[int]) -> list[Any]:
    """Take the nesting off, one dimension after the other."""
    rows: list[Any] = [data]
    for size in shape:
        if any(type(row) is not list or len(row) != size for row in rows):
            raise bad(f"{name}: data must be flat, or nested as the shape {list(shape)}")
        rows = list(chain.from_iterable(rows))
    return rows


def _out_of_range(name: str, dtype: np.dtype[Any]) -> ServiceError:
    return bad(f"{name}: data out of the range of {dtype.name}; NaN and infinity need binary data")
