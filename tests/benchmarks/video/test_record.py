"""Recorded videos hold the counts of the simulated sequence, so that every codec is measured on the same frames."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from benchmarks.video.record import CODECS, HEIGHT, SENSOR_BITS, WIDTH, Codec, decoding_cpu_s, record
from service.commands.detect.video.decoder import decode, open_video
from service.frames import Frame
from service.simulation.sequence import make_sequence

LOSSLESS = [codec for codec in CODECS if codec.encoder != "libx264"]


@pytest.mark.parametrize("codec", LOSSLESS, ids=lambda codec: codec.name)
def test_a_lossless_codec_gives_back_every_count(codec: Codec, tmp_path: Path) -> None:
    video = tmp_path / f"flight{codec.suffix}"
    record(codec, video, 3)
    assert decoding_cpu_s(video) > 0
    scenes = islice(make_sequence(0, 3, HEIGHT, WIDTH), 3)
    with open_video(str(video)) as container:
        found = [frame.content for frame in decode(container, video.name)]
    assert len(found) == 3
    for frame, scene in zip(found, scenes, strict=True):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.counts, scene.counts(SENSOR_BITS))


def test_a_lossy_codec_gives_back_frames_of_8_bits(tmp_path: Path) -> None:
    (codec,) = (codec for codec in CODECS if codec not in LOSSLESS)
    video = tmp_path / f"flight{codec.suffix}"
    record(codec, video, 3)
    with open_video(str(video)) as container:
        found = [frame.content for frame in decode(container, video.name)]
    assert len(found) == 3
    assert all(isinstance(frame, Frame) and 0 < frame.counts.max() <= 255 for frame in found)
