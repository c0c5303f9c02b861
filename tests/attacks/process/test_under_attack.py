"""While the server is attacked, others are served, memory stays bounded, and SIGTERM ends the process.

The servers are processes with default settings, except where an attack would otherwise need much memory or many
connections. Nobody reads their log.
"""

import gzip
import signal
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving.servers.process import most_resident_mb
from service.simulation.scene import make_scene
from tests.attacks.process import attackers
from tests.attacks.process.attackers import Attack, bodies
from tests.attacks.test_costly_files import JPEG, jpeg_of_scans, segment
from tests.support import frames
from tests.support import tiff_by_hand as by_hand
from tests.support.server import CODE, running
from tests.support.small_models import write_small_model
from tests.support.witness import watch

SETTLE_S, WATCH_S = 0.7, 3.0
HEALTH_S = 0.1
DEADLINE_S = 30.0  # the default of REQUEST_TIMEOUT_S
LATE_S = 1.0  # on machines that are shared
ENOUGH = 0.15  # of the machine; two workers of pytest on two cores leave half or more
MEMORY_MB = 2_400.0  # the documented sum, docs/how-to/docker.md
GRACE_S = 45.0  # of docker-compose.yml
FEW_DESCRIPTORS = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 256)); "
IMPATIENT = "import service.api.connection.slow_client as timer; timer.UNREAD_TIMEOUT_S = 3.0; "  # of 10
FRAME = frames.png(make_scene(3, 256, 256).counts(8))


def tiff_of_strips(strips: int, side: int = 8) -> bytes:
    """A TIFF of 8x8 pixels with far more strips than rows."""
    tables = struct.pack(f"<{strips}I", *[8] * strips) + struct.pack(f"<{strips}I", *[1] * strips)
    directory_at, first = 8 + 64 + len(tables), 8 + 64
    entries = [
        *((tag, 1, value) for tag, value in by_hand.gray(side, side, 8, 0).items() if tag not in TABLES),
        (by_hand.STRIP, strips, first),
        (by_hand.STRIP_BYTES, strips, first + 4 * strips),
    ]
    fields = b"".join(struct.pack("<HHII", tag, by_hand.LONG, count, value) for tag, count, value in sorted(entries))
    directory = struct.pack("<H", len(entries)) + fields + bytes(4)
    return b"II*\0" + struct.pack("<I", directory_at) + bytes(64) + tables + directory


TABLES = (by_hand.STRIP, by_hand.STRIP_BYTES)


def tiff_of_tiles(side: int) -> bytes:
    """A TIFF whose tiles have one pixel each."""
    count = side * side
    tables = struct.pack(f"<{count}I", *[8] * count) + struct.pack(f"<{count}I", *[1] * count)
    first = 8 + 64
    values = {**by_hand.gray(side, side, 8, 0), by_hand.TILE_WIDTH: 1, by_hand.TILE_LENGTH: 1}
    entries = [(tag, 1, value) for tag, value in values.items() if tag not in (*TABLES, by_hand.ROWS)]
    entries += [(by_hand.TILE_AT, count, first), (by_hand.TILE_BYTES, count, first + 4 * count)]
    fields = b"".join(struct.pack("<HHII", tag, by_hand.LONG, number, value) for tag, number, value in sorted(entries))
    directory = struct.pack("<H", len(entries)) + fields + bytes(4)
    return b"II*\0" + struct.pack("<I", first + len(tables)) + bytes(64) + tables + directory


def png_of_profiles(count: int) -> bytes:
    """A PNG with colour profiles that inflate to a megabyte each."""
    profile = by_hand.chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 20), 9))
    return by_hand.png(64, 64, 8, 0, bytes(64 * 65), between=profile * count)


def png_of_points(side: int) -> bytes:
    """A frame in which every fourth pixel is a target."""
    counts = np.zeros((side, side), np.uint8)
    counts[::2, ::2] = 255
    return frames.png(counts)


def jpeg_of_exif() -> bytes:
    """A JPEG with 24 MB of Exif."""
    return JPEG[:2] + segment(0xE1, b"Exif\0\0" + bytes(8_000)) * 3_000 + JPEG[2:]


@dataclass(frozen=True)
class Case:
    """An attack.

    Attributes:
        make: the attack; made late, since some bodies are large.
        small_model: serve a model of a few nodes, so that the attack does not wait for the network.
        settings: of the server.
        before: what Python runs before the server.
    """

    make: Callable[[], Attack]
    small_model: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    before: str = ""


MANY_TARGETS = "mask=none&threshold=0.1&max_targets=100000"
ROOM = {"QUEUE_BYTES": str(8 * attackers.BODY)}
CASES = {
    "silent connections, up to the limit of descriptors": Case(lambda: attackers.silent, before=FEW_DESCRIPTORS),
    "bodies that stop half way": Case(lambda: attackers.half_sent),
    "70 clients that send one byte a second": Case(lambda: attackers.one_byte),
    "large bodies that lack a byte": Case(lambda: attackers.stalled, settings=ROOM),
    "clients that read no answer": Case(lambda: attackers.unread, small_model=True, before=IMPATIENT),
    "TIFF of a million strips": Case(lambda: bodies(tiff_of_strips(1_000_000))),
    "TIFF of tiles of one pixel": Case(lambda: bodies(tiff_of_tiles(700))),
    "PNG of 9,000 profiles": Case(lambda: bodies(png_of_profiles(9_000))),
    "JPEG of Exif": Case(lambda: bodies(jpeg_of_exif())),
    "JPEG of scans": Case(lambda: bodies(jpeg_of_scans(2048, 63), threads=4)),
    "gzip bombs": Case(lambda: bodies(gzip.compress(bytes(attackers.BODY)), threads=8, Content_Encoding="gzip")),
    "frames of 260,000 targets": Case(
        lambda: bodies(png_of_points(1024), threads=4, query=MANY_TARGETS), small_model=True
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_others_are_served_and_the_process_ends(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    small = {"MODELS": str(write_small_model(tmp_path / "a.onnx").parent)} if case.small_model else {}
    attack = case.make()
    with running(None, case.before + CODE, **small, **case.settings) as (process, client), attack(client):
        time.sleep(SETTLE_S)
        witness = watch(client, process.pid, FRAME, WATCH_S)
        memory = most_resident_mb(process.pid)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(GRACE_S) == 0
        assert time.monotonic() - began < GRACE_S
    assert memory < MEMORY_MB
    assert {status for _, status in witness.health} == {200}
    if witness.own_share < ENOUGH:
        pytest.skip(f"other programs take {1 - witness.own_share:.0%} of this machine: latencies say nothing")
    assert witness.health_p99_s < HEALTH_S
    statuses = {status for _, status in witness.frames}
    assert 200 in statuses
    assert statuses <= {200, 429}
    assert max(seconds for seconds, _ in witness.frames) < DEADLINE_S + LATE_S
