"""Requests and answers of the Open Inference Protocol, made and read by hand."""

import json
import math
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

JSON_LENGTH = "Inference-Header-Content-Length"
DATATYPES = {"uint8": "UINT8", "uint16": "UINT16", "float32": "FP32"}


def described(name: str, array: NDArray[np.generic], **fields: Any) -> dict[str, Any]:
    """An input's JSON, without its data."""
    return {"name": name, "shape": list(array.shape), "datatype": DATATYPES[array.dtype.name], **fields}


def as_json(name: str, array: NDArray[np.generic], **fields: Any) -> dict[str, Any]:
    """A request with its values, flat, in the JSON."""
    return {"inputs": [described(name, array, data=array.ravel().tolist())], **fields}


def as_binary(name: str, array: NDArray[np.generic], **fields: Any) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a request with its values after the JSON."""
    parameters = {"binary_data_size": array.nbytes}
    return joined({"inputs": [described(name, array, parameters=parameters)], **fields}, array.tobytes())


def joined(header: Any, binary: bytes) -> tuple[bytes, dict[str, str]]:
    """JSON of any kind and what follows it."""
    text = json.dumps(header).encode()
    return text + binary, {JSON_LENGTH: str(len(text))}


def outputs(response: httpx.Response) -> dict[str, NDArray[Any]]:
    """Every tensor of an answer, JSON or binary."""
    assert response.status_code == 200, response.text
    length = int(response.headers.get(JSON_LENGTH, len(response.content)))
    header, rest = json.loads(response.content[:length]), response.content[length:]
    tensors = {}
    for output in header["outputs"]:
        dtype = np.dtype({"UINT8": "u1", "FP32": "<f4"}[output["datatype"]])
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            flat = np.array(output["data"], dtype)
        else:
            assert size == dtype.itemsize * math.prod(output["shape"])
            flat, rest = np.frombuffer(rest[:size], dtype), rest[size:]
        tensors[output["name"]] = flat.reshape(output["shape"])
    assert not rest
    return tensors


def fault(response: httpx.Response, status: int) -> str:
    """What an error says; it says nothing else."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    told = response.json()
    assert list(told) == ["error"]
    assert isinstance(told["error"], str)
    return told["error"]
