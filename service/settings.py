"""Settings from the environment or ``.env``, with defaults. They are checked, and all faults are reported together."""

import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from service.keys import read_keys
from service.models.canary import Canary, parse_canary
from service.pretrained import SHIPPED
from service.runtime import Device, Engine, EngineChoice, Precision
from service.runtime.choice import why_not
from service.user_cache import user_cache
from service.validation import reword

PREFIX: Final = "RRCANET_"
CLIENT_KEY: Final = f"{PREFIX}API_KEY"  # not a setting: commands that call a service send this key
DOTENV: Final = ".env"
# Kubernetes gives every pod variables for each Service in its namespace. The variables of a Service called ``rrcanet``
# or ``rrcanet-gpu`` begin like these settings: RRCANET_PORT is then an address, ``tcp://10.0.0.1:8000``.
INJECTED_PORT: Final = re.compile(r"(\w+_)?PORT")
INJECTED_ADDRESS: Final = re.compile(r"(tcp|udp|sctp)://\S+")
INJECTED_OTHER: Final = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
ORIGIN: Final = re.compile(r"\*|https?://[^/\s,]+")
ROOT_PATH: Final = re.compile(r"(/[\w.~-]+)+")
Seconds = Annotated[float, Field(ge=0, le=3600)]


class SettingsFault(Exception):
    """Settings cannot be used; the message has one line for each fault."""


class LogFormat(StrEnum):
    """The format of log lines."""

    TEXT = "text"
    JSON = "json"


class Adapter(StrEnum):
    """Another program's form of requests and answers."""

    DEEPSTACK = "deepstack"
    LABEL_STUDIO = "labelstudio"


class EngineSettings(BaseSettings):
    """What runs models.

    Engine, precision and cache also count for commands that run a model themselves; these take the device from an
    option.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=DOTENV, extra="ignore", allow_inf_nan=False, frozen=True
    )

    device: Device = Field(
        Device.AUTO,
        description="Where models run: `auto` (CUDA if available, else CPU), `cuda` (no start without it) or `cpu`.",
    )
    engine: Engine = Field(
        Engine.AUTO,
        description="Library that runs models on a CPU: `auto` (OpenVINO if installed), `onnxruntime` or `openvino`.",
    )
    precision: Precision = Field(
        Precision.AUTO,
        description="Precision on a CPU: `auto` (`bf16` if CPU and model card allow it), `f32` or `bf16`.",
    )
    engine_cache: Path | None = Field(
        default_factory=user_cache,
        description="Folder where OpenVINO keeps compiled models for the next start. If it is empty, none are kept.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment without the variables that Kubernetes injects, then ``.env``."""
        assert isinstance(env_settings, EnvSettingsSource)
        hidden = {name.lower() for name in injected_settings()}
        given = env_settings.env_vars.items()
        env_settings.env_vars = {name: value for name, value in given if name not in hidden}
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @property
    def engine_choice(self) -> EngineChoice:
        """The engine, its precision and its cache."""
        return EngineChoice(self.engine, self.precision, self.engine_cache)

    @field_validator("engine_cache", mode="before")
    @classmethod
    def _is_no_folder(cls, folder: object) -> object:
        return None if folder == "" else Path(folder).expanduser() if isinstance(folder, str) else folder

    @field_validator("engine", "precision")
    @classmethod
    def _is_possible(cls, asked: Engine | Precision, others: ValidationInfo) -> Engine | Precision:
        engine = asked if isinstance(asked, Engine) else others.data.get("engine", Engine.AUTO)
        precision = asked if isinstance(asked, Precision) else Precision.AUTO
        if reason := why_not(engine, precision, others.data.get("device", Device.AUTO)):
            raise ValueError(reason)
        return asked


class Settings(EngineSettings):
    """The settings; an operator sets each as ``RRCANET_NAME``."""

    host: str = Field("127.0.0.1", description="Address to listen on; `::` takes IPv6 and IPv4.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    threads: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="CPUs to use: threads of a model on the CPU, and frames decoded at once. By default all there are.",
    )
    models: Path = Field(SHIPPED, description="Folder of model files (`.onnx` with a card).")
    canary: Annotated[Canary | None, NoDecode] = Field(
        None, description="`NAME@VERSION:SHARE`: this version answers that share of the requests that name no version."
    )
    api_keys_file: Path | None = Field(None, description="File of API keys; without it, no key is needed.")
    max_body_bytes: int = Field(33_554_432, ge=1, description="Largest body of one request, in bytes.")
    max_pixels: int = Field(
        4_194_304, ge=1, description="Most pixels of one request, all frames together; a side counts as at least 32."
    )
    max_frames: int = Field(64, ge=1, description="Most frames of one request.")
    queue_size: int = Field(
        64,
        ge=1,
        description="Most frames accepted and not yet answered, all requests together; at least `MAX_FRAMES`.",
    )
    queue_bytes: int = Field(
        1_342_177_280,
        ge=2,
        description="Most bytes of request bodies in memory, all requests together; at least twice `MAX_BODY_BYTES`.",
    )
    max_batch: int = Field(8, ge=1, description="Most frames in one run of the network.")
    request_timeout_s: Seconds = Field(
        30.0, gt=0, description="Longest time for one request, including reading its body."
    )
    latency_objective_ms: float = Field(
        1000.0,
        gt=0,
        le=3_600_000,
        description="Longest expected time from a complete body to its answer; a request that would take longer is "
        "refused. `timeout_ms` of a request replaces it.",
    )
    max_connections: int = Field(
        1024, ge=8, description="Most open connections. Beyond it the one that is idle for longest is closed."
    )
    max_streams: int = Field(
        32,
        ge=0,
        description="Most open streams (`WS /v1/stream`); at most half of `MAX_CONNECTIONS` are used for them.",
    )
    keep_alive_s: int = Field(
        65,
        ge=1,
        le=3600,
        description="Seconds until an idle connection is closed; longer than the proxy in front waits.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose web pages may call this service, separated by commas; `*` allows all."
    )
    root_path: str = Field(
        "", description="Path before every route, such as `/infrared`, where a proxy serves this service below it."
    )
    adapters: Annotated[tuple[Adapter, ...] | None, NoDecode] = Field(
        None, description="Adapters to serve, with commas between them: `deepstack`, `labelstudio`."
    )
    adapter_label: str = Field("target", min_length=1, max_length=64, description="What adapters call a target.")
    label_studio_url: str | None = Field(None, description="Address of Label Studio, which images are fetched from.")
    label_studio_token: SecretStr | None = Field(
        None, description="Token of Label Studio: a personal access token or a legacy token."
    )
    label_studio_files: Path | None = Field(
        None, description="Folder that Label Studio's local storage serves; images are read from it."
    )
    drain_delay_s: Seconds = Field(0.0, description="Time from SIGTERM until new requests are refused.")
    log_format: LogFormat = Field(LogFormat.TEXT, description="Format of log lines: `text` or `json`.")

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        if host != "localhost":
            ip_address(host)  # raises a ValueError that says what is wrong
        return host

    @field_validator("models")
    @classmethod
    def _is_folder(cls, models: Path) -> Path:
        if not models.is_dir():
            raise ValueError(f"{models} is not a folder")
        return models

    @field_validator("canary", mode="before")
    @classmethod
    def _is_canary(cls, text: str | None) -> Canary | None:
        return None if text is None else parse_canary(text)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _are_origins(cls, given: str | Sequence[str]) -> tuple[str, ...]:
        origins = given.split(",") if isinstance(given, str) else given
        found = tuple(origin.strip() for origin in origins if origin.strip())
        for origin in found:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin} is no origin: write it like https://viewer.example.org, without a path")
        return found

    @field_validator("root_path")
    @classmethod
    def _is_path(cls, path: str) -> str:
        if path and not ROOT_PATH.fullmatch(path):
            raise ValueError("must begin with / and not end with it, such as /infrared")
        return path

    @field_validator("adapters", mode="before")
    @classmethod
    def _are_adapters(cls, given: object) -> object:
        return tuple(filter(None, map(str.strip, given.split(",")))) if isinstance(given, str) else given

    @field_validator("label_studio_url")
    @classmethod
    def _is_web_address(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return address

    @field_validator("label_studio_files")
    @classmethod
    def _is_folder_of_files(cls, folder: Path | None) -> Path | None:
        return None if folder is None else cls._is_folder(folder)

    @field_validator("api_keys_file")
    @classmethod
    def _has_keys(cls, path: Path | None) -> Path | None:
        if path is not None:
            read_keys(path)  # raises a ValueError that names the line
        return path

    @field_validator("queue_size")
    @classmethod
    def _holds_a_request(cls, queue_size: int, others: ValidationInfo) -> int:
        max_frames = others.data.get("max_frames", 0)  # absent if it is itself invalid
        if queue_size < max_frames:
            raise ValueError(
                f"must be at least {PREFIX}MAX_FRAMES ({max_frames}), or the largest request could never be accepted"
            )
        return queue_size

    @field_validator("queue_bytes")
    @classmethod
    def _holds_a_body(cls, queue_bytes: int, others: ValidationInfo) -> int:
        max_body_bytes = others.data.get("max_body_bytes", 0)  # absent if it is itself invalid
        if queue_bytes < 2 * max_body_bytes:
            raise ValueError(
                f"must be at least twice {PREFIX}MAX_BODY_BYTES ({max_body_bytes}): a compressed body and what it "
                "decompresses to are in memory together"
            )
        return queue_bytes


AnySettings = TypeVar("AnySettings", bound=EngineSettings)


def load_settings(prefix: str = "", **overrides: object) -> Settings:
    """Read the settings; ``overrides`` (options of a command) replace values of the environment.

    Args:
        prefix: if given, a message names an override by it, its name and its value; ``--`` where they are options.
        overrides: by the names of the settings; None is what the environment says.

    Raises:
        SettingsFault: values are wrong, or variables with the prefix are no settings; all are named.
    """
    names = {*os.environ, *dotenv_values(DOTENV)} - _injected()
    unknown = [f"{name}: no such setting" for name in sorted(names) if _is_unknown(name)]
    try:
        settings = _read(Settings, overrides, _names(overrides, prefix) if prefix else {})
    except SettingsFault as fault:
        raise SettingsFault("\n".join([*unknown, str(fault)])) from fault
    if unknown:
        raise SettingsFault("\n".join(unknown))
    return settings


def load_engine_choice(
    device: Device, engine: str | None = None, precision: str | None = None, prefix: str = ""
) -> EngineChoice:
    """The engine, its precision and its cache, for a program that runs a model itself; None is what the settings say.

    Args:
        device: where the model runs.
        engine: what the caller asks for, as the setting of this name.
        precision: likewise.
        prefix: stands before the names of these two in a message; ``--`` where they are options of a command.

    Raises:
        SettingsFault: as ``load_settings``; settings that only a server has do not count.
    """
    asked = {"engine": engine, "precision": precision}
    return _read(EngineSettings, {"device": device, **asked}, _names(asked, prefix)).engine_choice


def _names(asked: Mapping[str, object], prefix: str) -> dict[str, str]:
    """How a message calls what the caller asks for."""
    return {name: f"{prefix}{name} {value}" for name, value in asked.items() if value is not None}


def _read(
    kind: type[AnySettings], overrides: Mapping[str, object], names: Mapping[str, str] = MappingProxyType({})
) -> AnySettings:
    """Settings with ``overrides``; a message calls those in ``names`` so, and not by the name of the setting."""
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return kind(**given)
    except ValidationError as error:
        faults = [_describe(fault["loc"], fault["msg"], fault["input"], names) for fault in error.errors()]
        raise SettingsFault("\n".join(faults)) from error


def injected_settings() -> dict[str, str]:
    """Variables that are named like a setting but come from Kubernetes; they are ignored."""
    return {name: os.environ[name] for name in sorted(_injected()) if not _is_unknown(name)}


def _injected() -> set[str]:
    return {
        name
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and _is_injected(name.removeprefix(PREFIX), value)
    }


def _is_injected(name: str, value: str) -> bool:
    """Whether a variable comes from Kubernetes and not from an operator; ``name`` is without the prefix."""
    if INJECTED_OTHER.fullmatch(name):
        return True
    # the value of a real RRCANET_PORT, or of a misspelt one, is a number and not an address
    return INJECTED_PORT.fullmatch(name) is not None and INJECTED_ADDRESS.fullmatch(value) is not None


def _is_unknown(variable: str) -> bool:
    known = variable == CLIENT_KEY or variable.removeprefix(PREFIX).lower() in Settings.model_fields
    return variable.startswith(PREFIX) and not known


def _describe(location: tuple[str | int, ...], message: str, value: object, names: Mapping[str, str]) -> str:
    setting = str(location[0])
    if setting in names:
        return f"{names[setting]}: {reword(message)}"
    return f"{PREFIX}{setting.upper()}: {reword(message)} (is {value!r})"
