"""Encodings: colours and shapes of pixels survive, and each codec follows the wishes it can, and refuses the others."""

import av
import numpy as np
import pytest

from tests.clips import make_clip, picture
from tests.sinks import copy_through


@pytest.mark.parametrize("matrix", [1, 2, 6, 9])
@pytest.mark.parametrize("full", [1, 2])
def test_colours_survive_the_way_through(tmp_path, matrix, full):
    tags = {"colorspace": matrix, "color_range": full}
    clip = make_clip(tmp_path / "a.mp4", 3, options={"crf": "0"}, tags=tags)
    output = tmp_path / "o.mp4"
    copy_through(clip, output, crf=0)
    with av.open(str(output)) as box:
        made = next(box.decode(video=0))
    with av.open(str(clip)) as box:
        given = next(box.decode(video=0))
    assert made.colorspace == given.colorspace == matrix
    assert (made.color_range or 1) == (given.color_range or 1) == full  # not said means limited
    before, after = (frame.to_ndarray(format="bgr24").astype(int)[:40] for frame in (given, made))
    assert np.abs(before - after).max() <= 4
    assert np.abs(before - after).mean() < 2
    assert abs((before - after).mean()) < 1.5


def test_an_rgb_source_is_written_as_bt709(tmp_path):
    clip = make_clip(tmp_path / "a.mkv", 3, codec="ffv1", pixels="bgr0")
    copy_through(clip, tmp_path / "o.mp4", crf=0)
    with av.open(str(tmp_path / "o.mp4")) as box:
        frame = next(box.decode(video=0))
    assert frame.colorspace in (1, 2)
    assert np.abs(frame.to_ndarray(format="bgr24").astype(int)[:40] - picture(0)[:40]).max() <= 6
