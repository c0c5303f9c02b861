"""The protocol's JSON as pydantic reads and writes it; fields that it does not name are ignored."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

LARGEST_DIMENSION: Final = 2**31 - 1

Numbers = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"type": "number"}})]  # ints stay ints
NONE_IS_DEFAULT: Final = BeforeValidator(lambda given: {} if given is None else given)
Dimension = Annotated[int, Field(ge=1, le=LARGEST_DIMENSION)]


class Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class InputParameters(Wire):
    """Of an input; the data of one with `binary_data_size` follow the JSON."""

    binary_data_size: int | None = Field(default=None, ge=0)
    shared_memory_region: Any = None


class Input(Wire):
    """A tensor; its data nested, or flat in row-major order."""

    name: str
    datatype: str
    shape: list[Dimension] = Field(max_length=8)
    parameters: Annotated[InputParameters, NONE_IS_DEFAULT] = InputParameters()
    data: list[Any] | None = None


class OutputParameters(Wire):
    """Of a requested output."""

    binary_data: bool | None = None
    classification: Any = None
    shared_memory_region: Any = None


class RequestedOutput(Wire):
    """An output to answer with."""

    name: str
    parameters: Annotated[OutputParameters, NONE_IS_DEFAULT] = OutputParameters()


class RequestParameters(Wire):
    """Of a request; what is not named here is left for the model.

    `timeout` is in microseconds, 0 is none. `priority` is taken, and changes nothing.
    """

    model_config = ConfigDict(extra="allow")

    binary_data_output: bool = False
    timeout: int = Field(default=0, ge=0)
    priority: int = 0


class InferRequest(Wire):
    """The JSON of a request."""

    id: str | None = None
    parameters: Annotated[RequestParameters, NONE_IS_DEFAULT] = RequestParameters()
    inputs: list[Input] = Field(min_length=1, max_length=1)
    outputs: Annotated[list[RequestedOutput], BeforeValidator(lambda given: [] if given is None else given)] = Field(
        default=[], max_length=8
    )


class TensorMetadata(BaseModel):
    """A dimension of -1 may be any."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(BaseModel):
    """Which server this is."""

    name: str
    version: str
    extensions: list[str]


class OutputTensor(BaseModel):
    """An output; with `binary_data_size` among its parameters the data follow the JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: Numbers | None = None


class InferResponse(BaseModel):
    """The JSON of an answer."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, bool] | None = None
    outputs: list[OutputTensor]


class Live(BaseModel):
    """Liveness of the process."""

    live: bool


class Ready(BaseModel):
    """Readiness of the server, or of the model `name`."""

    name: str | None = None
    ready: bool


class Fault(BaseModel):
    """Any error under `/v2`."""

    error: str
