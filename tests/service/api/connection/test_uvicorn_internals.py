"""``connection/`` uses parts of uvicorn that are not public: an upgrade that changes one of them fails here first."""

import asyncio
import inspect
import re
from typing import Final

import pytest
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from service.api.connection.protocol import BoundedHttp
from service.api.connection.server import Server as DrainingServer
from service.api.connection.websocket import BoundedWebSocket

OVERRIDDEN: Final = {  # each may call uvicorn's own with the same parameters
    "connection_made": ["transport"],
    "connection_lost": ["exc"],
    "data_received": ["data"],
    "on_message_begin": [],
    "on_url": ["url"],
    "on_header": ["name", "value"],
    "on_headers_complete": [],
    "on_body": ["body"],
    "on_message_complete": [],
    "on_response_complete": [],
    "handle_websocket_upgrade": [],
    "_should_upgrade": [],
    "send_400_response": ["msg"],
    "shutdown": [],
    "timeout_keep_alive_handler": [],
    "pause_writing": [],
    "resume_writing": [],
}
OF_PROTOCOL: Final = {
    "app_state",
    "cycle",
    "flow",
    "headers",
    "loop",
    "parser",
    "pipeline",
    "scope",
    "transport",
    "url",
}
OF_CYCLE: Final = {"keep_alive", "more_body", "response_complete", "transport"}
OF_FLOW: Final = {"resume_reading"}
OVERRIDDEN_IN_WEBSOCKET: Final = {
    "connection_made": ["transport"],
    "connection_lost": ["exc"],
    "data_received": ["data"],
    "receive": [],
    "send": ["message"],
    "send_receive_event_to_app": [],
    "handle_ping": [],
    "handle_parser_exception": [],
    "keepalive_timeout": [],
    "on_task_complete": ["task"],
    "shutdown": [],
    "pause_writing": [],
    "resume_writing": [],
}
OF_WEBSOCKET: Final = {
    "app_state",
    "close_sent",
    "conn",
    "handshake_complete",
    "logger",
    "loop",
    "pending_ping_payload",
    "ping_sent_at",
    "pong_timer",
    "queue",
    "read_paused",
    "schedule_ping",
    "transport",
    "writable",
}
OF_CONN: Final = {"close_sent", "data_to_send", "eof_sent", "fail", "logger"}
OVERRIDDEN_IN_SERVER: Final = {
    "handle_exit": ["sig", "frame"],
    "on_tick": ["counter"],
    "startup": ["sockets"],
    "shutdown": ["sockets"],
}
OF_SERVER: Final = {"config", "force_exit", "servers", "should_exit"}


class Transport(asyncio.Transport):
    """A connection that stays open and drops what is written."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Drop the data."""


async def app(_scope: object, _receive: object, _send: object) -> None:
    """Send nothing: the request stays unanswered."""


@pytest.mark.parametrize(("method", "parameters"), OVERRIDDEN.items())
def test_uvicorn_calls_the_methods_that_are_overridden(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(HttpToolsProtocol, method)).parameters) == ["self", *parameters]


@pytest.mark.parametrize(("method", "parameters"), OVERRIDDEN_IN_SERVER.items())
def test_uvicorn_calls_the_methods_of_the_server_that_are_overridden(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(Server, method)).parameters) == ["self", *parameters]


async def _served() -> HttpToolsProtocol:
    served = HttpToolsProtocol(
        Config(app, ws="none", log_config=None), ServerState(), {"left": 1}, asyncio.get_running_loop()
    )
    served.connection_made(Transport())
    served.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx")
    return served


def test_uvicorn_has_the_attributes_that_are_used() -> None:
    async def check() -> None:
        served = await _served()
        assert vars(served).keys() >= OF_PROTOCOL
        assert vars(served.cycle).keys() >= OF_CYCLE
        assert {name for name in OF_FLOW if callable(getattr(served.flow, name, None))} == OF_FLOW
        assert served.scope["state"] == {"left": 1}
        assert served.scope["state"] is not served.app_state
        assert (served.cycle.more_body, served.cycle.response_complete) == (True, False)
        assert served.headers == [(b"host", b"a"), (b"content-length", b"2")]
        assert not served.pipeline

    asyncio.run(check())


def test_the_lists_above_are_complete() -> None:
    used = _used(BoundedHttp)
    own = {name for name in vars(BoundedHttp) if not hasattr(HttpToolsProtocol, name)}
    assert _overridden(BoundedHttp, HttpToolsProtocol) == OVERRIDDEN.keys()
    assert {name for name, _ in used} - own - OVERRIDDEN.keys() == OF_PROTOCOL
    assert {part for name, part in used if name == "cycle" and part} == OF_CYCLE
    assert {part for name, part in used if name == "flow" and part} == OF_FLOW


@pytest.mark.parametrize(("method", "parameters"), OVERRIDDEN_IN_WEBSOCKET.items())
def test_uvicorn_calls_the_methods_of_the_websocket_that_are_overridden(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(WebSocketsSansIOProtocol, method)).parameters) == ["self", *parameters]


def test_uvicorn_has_the_attributes_of_the_websocket_that_are_used() -> None:
    async def check() -> None:
        config = Config(app, log_config=None)
        config.load()
        served = WebSocketsSansIOProtocol(config, ServerState(), {"left": 1}, asyncio.get_running_loop())
        served.connection_made(Transport())
        assert {name for name in OF_WEBSOCKET if not hasattr(served, name)} == set()
        assert {name for name in OF_CONN if not hasattr(served.conn, name)} == set()
        assert served.app_state == {"left": 1}
        assert (served.read_paused, served.close_sent, served.conn.eof_sent) == (False, False, False)
        assert served.writable.is_set()

    asyncio.run(check())


def test_the_lists_of_the_websocket_are_complete() -> None:
    used = _used(BoundedWebSocket)
    own = {name for name in vars(BoundedWebSocket) if not hasattr(WebSocketsSansIOProtocol, name)}
    assert _overridden(BoundedWebSocket, WebSocketsSansIOProtocol) == OVERRIDDEN_IN_WEBSOCKET.keys()
    assert {name for name, _ in used} - own - OVERRIDDEN_IN_WEBSOCKET.keys() == OF_WEBSOCKET
    assert {part for name, part in used if name == "conn" and part} == OF_CONN


def test_uvicorn_has_the_attributes_of_the_server_that_are_used() -> None:
    server = Server(Config(app, ws="none", log_config=None))
    server.config.load()
    assert server.config.encoded_headers == [(b"server", b"uvicorn")]
    assert (server.should_exit, server.force_exit) == (False, False)
    assert "self.servers" in inspect.getsource(Server.startup)
    assert "self.config.encoded_headers" in inspect.getsource(Server.on_tick), "read again later, so a change counts"


def test_the_lists_of_the_server_are_complete() -> None:
    used = _used(DrainingServer)
    own = {name for name in vars(DrainingServer) if not hasattr(Server, name)} | {"state"}
    assert _overridden(DrainingServer, Server) == OVERRIDDEN_IN_SERVER.keys()
    assert {name for name, _ in used} - own - OVERRIDDEN_IN_SERVER.keys() == OF_SERVER
    assert {part for name, part in used if name == "config" and part} == {"encoded_headers"}


def _used(kind: type) -> list[tuple[str, str]]:
    """Every ``self.a`` or ``self.a.b`` in a class, as ``("a", "")`` or ``("a", "b")``; private names are left out."""
    return re.findall(r"\bself\.([a-z]\w*)(?:\.(\w+))?", inspect.getsource(kind))


def _overridden(kind: type, base: type) -> set[str]:
    return {name for name in vars(kind).keys() & vars(base).keys() if not name.startswith("__")}
