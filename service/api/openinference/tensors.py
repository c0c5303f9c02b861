"""Reads tensors of requests from JSON or bytes (little-endian, row-major), and checks their shapes and data types."""

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
    """A tensor of a model; its metadata name the first of the data types."""

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def metadata(self) -> TensorMetadata:
        return TensorMetadata(name=self.name, datatype=self.datatypes[0], shape=list(self.shape))

    def check(self, tensor: Input) -> None:
        """Check the name, the data type and the shape of an input.

        Raises:
            ServiceError: one of them is wrong.
        """
        if tensor.name != self.name:
            raise bad(f"input {tensor.name[:64]!r} is unknown; the model has one input, {self.name!r}")
        if tensor.datatype not in self.datatypes:
            detail = f"{self.name}: datatype {tensor.datatype[:64]!r} is not supported"
            raise bad(f"{detail}; send {' or '.join(self.datatypes)}")
        fits = len(tensor.shape) == len(self.shape)
        if not fits or any(own not in (ANY, sent) for own, sent in zip(self.shape, tensor.shape, strict=True)):
            raise bad(f"{self.name}: shape {tensor.shape} does not fit; send {list(self.shape)}, where -1 is any size")


def read_tensor(tensor: Input, binary: memoryview) -> NDArray[np.generic]:
    """The values of the only input of a request; the caller has checked its shape against the limits.

    Args:
        tensor: the input.
        binary: the bytes after the JSON.

    Raises:
        ServiceError: the number or the type of the values differs from what the request says.
    """
    dtype, announced = DTYPES[tensor.datatype], tensor.parameters.binary_data_size
    if tensor.parameters.shared_memory_region is not None:
        raise bad(f"{tensor.name}: shared memory is not supported; send the data in the request")
    if len(binary) != (announced or 0):
        detail = f"{len(binary)} bytes follow the JSON, but binary_data_size is {announced or 0}"
        raise bad(f"{detail}; check {JSON_LENGTH} too")
    if (announced is None) == (tensor.data is None):
        raise bad(f"{tensor.name}: give either data or binary_data_size")
    if tensor.data is not None:
        return _read_json(tensor.name, tensor.data, tensor.shape, dtype)
    expected = math.prod(tensor.shape) * dtype.itemsize
    if announced != expected:
        raise bad(
            f"{tensor.name}: shape {tensor.shape} of {tensor.datatype} has {expected} bytes, "
            f"but binary_data_size is {announced}"
        )
    values: NDArray[np.generic] = np.frombuffer(binary, dtype).reshape(tensor.shape)
    return np.require(values, dtype.newbyteorder("="), ("C_CONTIGUOUS", "ALIGNED"))


def _read_json(name: str, data: list[Any], shape: Sequence[int], dtype: np.dtype[Any]) -> NDArray[np.generic]:
    values = _flatten(name, data, shape) if data and isinstance(data[0], list) else data
    if len(values) != math.prod(shape):
        raise bad(f"{name}: shape {list(shape)} has {math.prod(shape)} values, but data has {len(values)}")
    numbers, called = ({int, float}, "numbers") if dtype.kind == "f" else ({int}, "whole numbers")
    if not numbers.issuperset(map(type, values)):
        raise bad(f"{name}: data must contain only {called}")
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, dtype.newbyteorder("=")).reshape(shape)
    except OverflowError as error:
        raise _out_of_range(name, dtype) from error
    if not np.isfinite(array).all():
        raise _out_of_range(name, dtype)
    return array


def _flatten(name: str, data: list[Any], shape: Sequence[int]) -> list[Any]:
    """Flatten nested lists, one dimension after the other."""
    rows: list[Any] = [data]
    for size in shape:
        if any(type(row) is not list or len(row) != size for row in rows):
            raise bad(f"{name}: data must be flat, or nested like the shape {list(shape)}")
        rows = list(chain.from_iterable(rows))
    return rows


def _out_of_range(name: str, dtype: np.dtype[Any]) -> ServiceError:
    return bad(f"{name}: a value is out of the range of {dtype.name}; send NaN and infinity as binary data")
