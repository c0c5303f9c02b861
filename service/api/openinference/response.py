"""Writes a response: JSON, then the data of binary outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.api.openinference.request import JSON_LENGTH, MAX_JSON_VALUES, bad
from service.api.openinference.tensors import DTYPES, Spec
from service.api.openinference.wire import InferRequest, InferResponse, OutputTensor


@dataclass(frozen=True, slots=True)
class EncodedResponse:
    """The body and the headers of a response."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """A requested output; ``binary`` says that its data follow the JSON."""

    spec: Spec
    binary: bool


def read_outputs(request: InferRequest, specs: Sequence[Spec]) -> list[Output]:
    """The requested outputs in the order of the request; all outputs if the request names none.

    Raises:
        ServiceError: an output does not exist, is named twice, or is requested in a way that is not supported.
    """
    binary = request.parameters.binary_data_output
    if not request.outputs:
        return [Output(spec, binary) for spec in specs]
    known = {spec.name: spec for spec in specs}
    outputs: dict[str, Output] = {}
    for output in request.outputs:
        if output.name not in known or output.name in outputs:
            raise bad(f"output {output.name[:64]!r} is unknown or named twice; the outputs are: {', '.join(known)}")
        if output.parameters.classification is not None or output.parameters.shared_memory_region is not None:
            raise bad(f"{output.name}: classification and shared memory are not supported")
        own = output.parameters.binary_data
        outputs[output.name] = Output(known[output.name], binary if own is None else own)
    return list(outputs.values())


def write_response(
    model: tuple[str, str],
    request: InferRequest,
    outputs: Sequence[Output],
    values: Mapping[str, NDArray[np.generic]],
    parameters: dict[str, bool] | None,
) -> EncodedResponse:
    """Write the response to a request.

    Args:
        model: name and version.
        request: the request.
        outputs: the requested outputs.
        values: the values of every output of the model, by name.
        parameters: of the response.

    Raises:
        ServiceError: an output is too large for JSON.
    """
    tensors, buffers = [], []
    for one in outputs:
        array = np.ascontiguousarray(values[one.spec.name], DTYPES[one.spec.datatypes[0]])
        tensors.append(_describe(one, array))
        if one.binary:
            buffers.append(array.tobytes())
    name, version = model
    response = InferResponse(
        model_name=name, model_version=version, id=request.id, parameters=parameters, outputs=tensors
    )
    text = response.model_dump_json(exclude_none=True).encode()
    if not buffers:
        return EncodedResponse(text, {"Content-Type": "application/json"})
    headers = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(len(text))}
    return EncodedResponse(b"".join((text, *buffers)), headers)


def _describe(one: Output, array: NDArray[np.generic]) -> OutputTensor:
    tensor = OutputTensor.model_construct(
        name=one.spec.name, datatype=one.spec.datatypes[0], shape=list(array.shape), parameters=None, data=None
    )
    if one.binary:
        return tensor.model_copy(update={"parameters": {"binary_data_size": array.nbytes}})
    if array.size > MAX_JSON_VALUES:
        detail = f"{one.spec.name} has {array.size} values, but JSON may have at most {MAX_JSON_VALUES}"
        raise bad(f"{detail}; request it with binary_data")
    return tensor.model_copy(update={"data": array.ravel().tolist()})
