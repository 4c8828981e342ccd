"""Refusals: one line for anybody's eyes."""

from __future__ import annotations

import json

import pytest

from pipeline.web.refusal import answer, presentable


@pytest.mark.fault("H9")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/media/ab12/uploads/x.mp4: is empty", "x.mp4: is empty"),
        ("cannot open '/dev/video7' (busy)", "cannot open 'video7' (busy)"),
        ("~/secret.yaml:3: no", "secret.yaml:3: no"),
        ("file:/etc/passwd is none", "file:passwd is none"),
        ("--input rtsp://ann:pass@cam:554/a/b: gone", "--input rtsp://ann:***@cam:554/a/b: gone"),
        ("GET /api/cameras lists them and/or 1/2", "GET /api/cameras lists them and/or 1/2"),
        ("first\nTraceback (most recent call last)", "first"),
        ("a\x1b[31mred\x00", "a\\x1b[31mred\\x00"),
        ("", "no reason is known"),
    ],
)
def test_an_error_shows_no_path_no_password_and_no_second_line(text: str, shown: str) -> None:
    assert presentable(text) == shown
    assert json.loads(answer(422, text).body) == {"error": shown}


def test_an_error_is_of_bounded_length() -> None:
    assert len(presentable("x" * 100_000)) == 600
