"""What is written down holds no password."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.masking import masked, secrets_of


@pytest.mark.fault("F5")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://me:hunter2@host/", "rtsp://me:***@host/"),
        ("opening rtsp://me:hunter2@host:554/a now", "opening rtsp://me:***@host:554/a now"),
        ("'rtsps://me:p%21@[::1]:322/a'", "'rtsps://me:***@[::1]:322/a'"),
        ("rtsp://me:p@ss@host/", "rtsp://me:***@host/"),
        ("rtsp://me:p/w@host/", "rtsp://me:***@host/"),
        ("rtsp://:secret@host/", "rtsp://:***@host/"),
        ("a rtsp://a:b@c and http://d:e@f", "a rtsp://a:***@c and http://d:***@f"),
        ("http://h/snap?user=me&Password=x&size=2", "http://h/snap?user=me&Password=***&size=2"),
        ("rtmp://h/live?key=abc", "rtmp://h/live?key=***"),
        ("rtsp://host:554/path@x", "rtsp://host:554/path@x"),
        ("rtsp://me@host/", "rtsp://me@host/"),
        ("no address: a@b", "no address: a@b"),
    ],
)
def test_only_the_secret_part_is_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.fault("F5")
@given(st.text(st.characters(exclude_categories=("Z", "C")), min_size=4).filter(lambda word: not word.isdecimal()))
def test_no_password_however_odd_stays_in_its_url(password: str) -> None:
    password = f"<{password}>"
    for spelling in (password, quote(password, safe="")):
        assert spelling not in masked(f"x rtsp://user:{spelling}@camera.local:554/stream y")
        assert secrets_of(f"rtsp://user:{spelling}@camera.local/stream") >= {password, quote(password, safe="")}


def test_a_known_secret_is_hidden_wherever_it_stands() -> None:
    secrets = secrets_of("rtsp://me:a%21b@host/")
    assert masked("401 for me/a!b and a%21b", secrets) == "401 for me/*** and ***"
