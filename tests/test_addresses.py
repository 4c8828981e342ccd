"""What `${NAME}` in an address becomes, and what is told where it is not set."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SetupError
from stages.ingest.address import expand

ODD = "p@ss:/?#%20&é="


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("rtsp://cam/live", "rtsp://cam/live"),
        ("rtsp://me:${P}@cam/live", "rtsp://me:p%40ss%3A%2F%3F%23%2520%26%C3%A9%3D@cam/live"),
        ("rtsp://${U}@cam:554/live", "rtsp://me:a%40b%3Ac@cam:554/live"),
        ("rtsp://${N}:${P}@cam/", "rtsp://me:p%40ss%3A%2F%3F%23%2520%26%C3%A9%3D@cam/"),
        ("https://${H}/live.m3u8?token=${P}&a=b", "https://10.0.0.1:8080/live.m3u8?token=p%40ss%3A%2F%3F%23%2520%26%C3%A9%3D&a=b"),
        ("http://cam/${D}/x@y", "http://cam/a/b/x@y"),
        ("rtsp://me:$P@cam/${", "rtsp://me:$P@cam/${"),
    ],
)  # fmt: skip
def test_it_is_escaped_where_it_must_be_and_nowhere_else(address: str, wanted: str) -> None:
    environment = {"P": ODD, "U": "me:a@b:c", "N": "me", "H": "10.0.0.1:8080", "D": "a/b"}
    assert expand(address, environment) == wanted


def test_one_that_is_not_set_is_named_and_no_password_is() -> None:
    with pytest.raises(SetupError, match="no CAMERA_HOST") as caught:
        expand("rtsp://me:secret@${CAMERA_HOST}/live", {})
    assert "secret" not in str(caught.value)


def test_what_it_holds_is_not_looked_up_again() -> None:
    assert expand("rtsp://cam/${A}", {"A": "${B}", "B": "x"}) == "rtsp://cam/${B}"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text("abc", min_size=1))
def test_any_password_arrives_as_it_is(password: str, user: str) -> None:
    found = urlsplit(expand("rtsp://${U}:${P}@cam:554/live?x=1", {"U": user, "P": password}))
    assert (found.hostname, found.port, found.path, found.query) == ("cam", 554, "/live", "x=1")
    assert unquote(found.password or "") == password
    assert found.username == user
