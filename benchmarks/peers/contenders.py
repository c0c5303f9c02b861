"""The servers: how each is started, how a frame is sent to it, and where its answer lies."""

import base64
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from benchmarks.peers.loads import Body
from benchmarks.serving.clients.requests import Request
from service.settings import PREFIX, Settings
from tests.support.paths import ROOT

OWN: Final = "RRCA-Net Serve"
PLAIN: Final = {f"{PREFIX}ENGINE": "onnxruntime"}
NEAR: Final = 0.01  # pixels between two centroids of the same target
NEAR_IN_HALF: Final = 0.5  # the same if a CPU computes in bfloat16
PROGRAMS: Final = "benchmarks.peers.programs"
DEBIAN: Final = "/usr/bin/python3.11"
Reply = tuple[Mapping[str, str], bytes]  # headers and body


@dataclass(frozen=True, slots=True)
class Contender:
    """A server.

    Attributes:
        environment: name of its requirements file and of the folder in ``.venv-bench``; None for this environment.
        package: whose version is reported.
        python: makes its environment.
        command: the arguments after the environment's Python, from the port and a folder for files.
        request: from a frame; the answer is JSON.
        answer: the frame's part of the answer.
        variables: more environment variables.
        near: pixels by which a centroid may differ from that of ONNX Runtime.
    """

    name: str
    environment: str | None
    package: str
    command: Callable[[int, Path], Sequence[str]]
    request: Callable[[Body], Request]
    answer: Callable[[Reply], Any]
    python: str = sys.executable
    variables: Mapping[str, str] = field(default_factory=dict)
    near: float = NEAR


def contenders() -> list[Contender]:
    """All of them; this service comes first, and twice if OpenVINO takes the place of ONNX Runtime by default."""
    return [*_own(), *PEERS]


def _own() -> list[Contender]:
    serve = Contender(OWN, None, "rrcanet-serve", _serve, _detect, _own_answer, python=_own_python())
    if "engine" not in Settings.model_fields or not find_spec("openvino"):
        return [serve]
    plain = replace(serve, name=f"{OWN}, ONNX Runtime", variables=PLAIN)
    return [plain, replace(plain, name=f"{OWN}, OpenVINO", variables={}, near=NEAR_IN_HALF)]


def _own_python() -> str:
    """That of ``make serve``, which has only what a server needs; the present one if there is none."""
    python = ROOT / ".venv" / "bin" / "python"
    return str(python) if python.exists() else sys.executable


def _serve(port: int, _: Path) -> Sequence[str]:
    return "-c", "from service.cli import main; main()", "serve", "--port", str(port)


def _detect(body: Body) -> Request:
    rows = f"&width={body.width}&height={body.height}&dtype=u16le" if body.width else ""
    return _post(f"/v1/detect?mask=png{rows}", {"Content-Type": body.media_type}, body.content)


def _own_answer(reply: Reply) -> Any:
    return json.loads(reply[1])["frames"][0]


def _plain(reply: Reply) -> Any:
    return json.loads(reply[1])


def _form(path: str) -> Callable[[Body], Request]:
    """A multipart form with the frame and its sides."""

    def request(body: Body) -> Request:
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("width", body.width), ("height", body.height))
        ]
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="frame"\r\n'
            f"Content-Type: {body.media_type}\r\n\r\n"
        )
        content = ("".join(parts) + file).encode() + body.content + f"\r\n--{boundary}--\r\n".encode()
        return _post(path, {"Content-Type": f"multipart/form-data; boundary={boundary}"}, content)

    return request


def _raw(body: Body) -> Request:
    return _post(f"/?width={body.width}&height={body.height}", {"Content-Type": body.media_type}, body.content)


def _open_inference(body: Body) -> Request:
    """The Open Inference Protocol with the frame in base64."""
    content = base64.b64encode(body.content).decode()
    image = {"name": "image", "shape": [1], "datatype": "BYTES", "data": [content]}
    size = {"name": "size", "shape": [2], "datatype": "INT32", "data": [body.width, body.height]}
    message = {"inputs": [image | {"parameters": {"content_type": "base64"}}, size]}
    return _post(INFER, {"Content-Type": "application/json"}, json.dumps(message).encode())


def _open_inference_answer(reply: Reply) -> Any:
    return json.loads(json.loads(reply[1])["outputs"][0]["data"][0])


def _binary(body: Body) -> Request:
    """The Open Inference Protocol with binary tensors."""
    number = len(body.content)
    image = {"name": "image", "shape": [number], "datatype": "UINT8", "parameters": {"binary_data_size": number}}
    size = {"name": "size", "shape": [2], "datatype": "INT32", "data": [body.width, body.height]}
    outputs = [{"name": "answer", "parameters": {"binary_data": True}}]
    head = json.dumps({"inputs": [image, size], "outputs": outputs}).encode()
    length = {"Inference-Header-Content-Length": str(len(head))}
    return _post(INFER, {"Content-Type": "application/octet-stream"} | length, head + body.content)


def _binary_answer(reply: Reply) -> Any:
    headers, body = reply
    return json.loads(body[int(headers["inference-header-content-length"]) :])


def _post(target: str, headers: Mapping[str, str], content: bytes) -> Request:
    lines = [f"POST {target} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return Request(target, ("\r\n".join(lines) + "\r\n\r\n").encode() + content)


def _module(name: str) -> Callable[[int, Path], Sequence[str]]:
    return lambda port, _: ("-m", f"{PROGRAMS}.{name}", str(port))


def _uvicorn(port: int, _: Path) -> Sequence[str]:
    return "-m", "uvicorn", f"{PROGRAMS}.by_hand:app", "--port", str(port)


def _bentoml(port: int, _: Path) -> Sequence[str]:
    return "-m", "bentoml", "serve", f"{PROGRAMS}.bento:Detect", "--host", "127.0.0.1", "--port", str(port)


def _mlserver(port: int, folder: Path) -> Sequence[str]:
    """Write its two files of settings, as its documentation has them."""
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 1} | ports))
    model = {"name": "rrcanet", "implementation": f"{PROGRAMS}.ml.Detect"}
    (folder / "model-settings.json").write_text(json.dumps(model))
    return "-m", "mlserver.cli.main", "start", str(folder)


QUIET: Final = {"BENTOML_DO_NOT_TRACK": "True", "RAY_USAGE_STATS_ENABLED": "0"}  # nothing is sent to their makers
INFER: Final = "/v2/models/rrcanet/infer"
PEERS: Final = (
    Contender("FastAPI by hand", "fastapi", "fastapi", _uvicorn, _form("/detect"), _plain),
    Contender("LitServe", "litserve", "litserve", _module("lit"), _form("/predict"), _plain),
    Contender("BentoML", "bentoml", "bentoml", _bentoml, _form("/detect"), _plain, variables=QUIET),
    Contender("MLServer", "mlserver", "mlserver", _mlserver, _open_inference, _open_inference_answer),
    Contender("Ray Serve", "ray", "ray", _module("ray_serve"), _raw, _plain, variables=QUIET),
    Contender("PyTriton", "pytriton", "nvidia-pytriton", _module("triton"), _binary, _binary_answer, python=DEBIAN),
)
