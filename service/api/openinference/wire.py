"""The JSON of the protocol as pydantic models; unknown fields are ignored."""

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

LARGEST_DIMENSION: Final = 2**31 - 1

Numbers = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"type": "number"}})]  # ints stay ints
NONE_IS_DEFAULT: Final = BeforeValidator(lambda given: {} if given is None else given)
Dimension = Annotated[int, Field(ge=1, le=LARGEST_DIMENSION)]


class Wire(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, defer_build=False)  # threads use it side by side


class InputParameters(Wire):
    """Parameters of an input; with `binary_data_size`, its data follow the JSON."""

    binary_data_size: int | None = Field(default=None, ge=0)
    shared_memory_region: Any = None


class Input(Wire):
    """An input tensor; its data are nested, or flat in row-major order."""

    name: str
    datatype: str
    shape: list[Dimension] = Field(max_length=8)
    parameters: Annotated[InputParameters, NONE_IS_DEFAULT] = InputParameters()
    data: list[Any] | None = None


class OutputParameters(Wire):
    """Parameters of a requested output."""

    binary_data: bool | None = None
    classification: Any = None
    shared_memory_region: Any = None


class RequestedOutput(Wire):
    """A requested output."""

    name: str
    parameters: Annotated[OutputParameters, NONE_IS_DEFAULT] = OutputParameters()


class RequestParameters(Wire):
    """Parameters of a request; further parameters are passed to the model.

    `timeout` is in microseconds; 0 means none. `priority` is accepted and has no effect.
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


class Shown(BaseModel):
    model_config = ConfigDict(defer_build=True)  # few requests ask for it


class TensorMetadata(Shown):
    """A tensor of a model; a dimension of -1 may have any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Shown):
    """Inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(Shown):
    """Name and version of the server."""

    name: str
    version: str
    extensions: list[str]


class OutputTensor(BaseModel):
    """An output tensor; with the parameter `binary_data_size`, its data follow the JSON."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: Numbers | None = None


class InferResponse(BaseModel):
    """The JSON of a response."""

    model_config = ConfigDict(defer_build=False)

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, bool] | None = None
    outputs: list[OutputTensor]


class Live(Shown):
    """Whether the process is live."""

    live: bool


class Ready(Shown):
    """Whether the server, or the model `name`, is ready."""

    name: str | None = None
    ready: bool


class Fault(BaseModel):
    """Any error under `/v2`."""

    error: str
