"""RoiDecoder makes the encoder's own pictures of its bytes; damage is an error, never a crash, a hang or a guess."""

from __future__ import annotations

import random
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from models.coding import CodingError, Quantiser
from pipeline.errors import SetupError
from stages.codec.roi import RoiEncoder
from stages.codec.roi_decoder import RoiDecoder, is_key
from tests.codec.clips import middle, psnr, textured

CODECS = ["h264", "h265"]
RATE = Fraction(25)
PERIOD = 6


def packets(codec: str, pictures: int = 18, width: int = 192, height: int = 128, seed: int = 0) -> list[bytes]:
    made = RoiEncoder(width, height, RATE, codec, preset="ultrafast", key_interval=PERIOD / 25)
    images = (textured(number, width, height, seed) for number in range(pictures))
    return [made.encode(image, middle(width, height), Quantiser(28, 36)).data for image in images]


@pytest.mark.parametrize("codec", CODECS)
def test_each_packet_gives_its_own_picture_at_once(codec: str) -> None:
    decoder = RoiDecoder(codec)
    for number, packet in enumerate(packets(codec)):
        picture = decoder.decode(packet)
        here = psnr(textured(number), picture)
        assert here > 24
        assert here > psnr(textured(number + 1), picture) + 6


@pytest.mark.parametrize("codec", CODECS)
def test_another_decoder_gives_the_same_pictures_bit_for_bit(codec: str, tmp_path: Path) -> None:
    """FFmpeg's own program, of another version, decodes what we decode."""
    made = packets(codec)
    path = tmp_path / f"clip.{codec}"
    path.write_bytes(b"".join(made))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-fps_mode", "passthrough"]
    done = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"], capture_output=True, check=True)
    theirs = np.frombuffer(done.stdout, np.uint8).reshape(len(made), 192, 192)
    decoder = RoiDecoder(codec)
    decoder.decode(made[0])
    ours = [decoder._one(packet).to_ndarray(format="yuv420p") for packet in made[1:]]
    np.testing.assert_array_equal(np.stack(ours), theirs[1:])


@pytest.mark.parametrize("codec", CODECS)
def test_it_begins_with_a_key_picture_only(codec: str) -> None:
    made = packets(codec)
    decoder = RoiDecoder(codec)
    for packet in made[1:PERIOD]:
        with pytest.raises(CodingError, match="next key picture is waited for"):
            decoder.decode(packet)
    assert psnr(textured(PERIOD), decoder.decode(made[PERIOD])) > 24


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_after_damage_it_goes_on_at_the_next_key_picture_as_if_nothing_had_been(codec: str, damage: str) -> None:
    made = packets(codec)
    whole = RoiDecoder(codec)
    right = [whole.decode(packet) for packet in made]
    decoder = RoiDecoder(codec)
    for packet in made[:2]:
        decoder.decode(packet)
    broken = [b"\x00\x00\x01" + b"\xff" * 40] if damage == "changed" else []
    for packet in (*broken, *made[3:PERIOD]):
        with pytest.raises(CodingError):
            decoder.decode(packet)
    for packet, picture in zip(made[PERIOD:], right[PERIOD:], strict=True):
        np.testing.assert_array_equal(decoder.decode(packet), picture)


def test_a_packet_that_was_cut_is_refused() -> None:
    made = packets("h264")
    decoder = RoiDecoder("h264")
    decoder.decode(made[0])
    with pytest.raises(CodingError):
        decoder.decode(made[1][: len(made[1]) // 3])


@pytest.mark.parametrize("codec", CODECS)
def test_two_streams_beside_each_other_do_not_mix(codec: str) -> None:
    one, other = packets(codec, 6, seed=1), packets(codec, 6, seed=2)
    first, second = RoiDecoder(codec), RoiDecoder(codec)
    for number, (here, there) in enumerate(zip(one, other, strict=True)):
        assert psnr(textured(number, seed=1), first.decode(here)) > 24
        assert psnr(textured(number, seed=2), second.decode(there)) > 24


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("junk", [b"", b"\0" * 50, b"not a picture at all", b"\x00\x00\x01", bytes(range(256)) * 8])
def test_what_is_no_picture_is_refused(codec: str, junk: bytes) -> None:
    decoder = RoiDecoder(codec)
    with pytest.raises(CodingError):
        decoder.decode(junk)
    made = packets(codec, 2)
    decoder.decode(made[0])
    with pytest.raises(CodingError):
        decoder.decode(junk)
    assert decoder.decode(made[0]).shape == (128, 192, 3)


@pytest.mark.parametrize("codec", CODECS)
def test_a_stream_of_another_size_in_the_midst_is_refused(codec: str) -> None:
    decoder = RoiDecoder(codec)
    decoder.decode(packets(codec, 1)[0])
    with pytest.raises(CodingError, match="160x128"):
        decoder.decode(packets(codec, 1, width=160)[0])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("seed", range(4))
def test_flipped_and_cut_packets_give_an_error_or_a_picture_of_the_right_size(codec: str, seed: int) -> None:
    print(f"{seed = }")
    chance = random.Random(seed)
    made = packets(codec, 2 * PERIOD)
    decoder = RoiDecoder(codec)
    whole, refused = decoder.decode(made[0]), 0
    for _ in range(60):
        packet = bytearray(chance.choice(made))
        for _ in range(chance.choice([0, 1, 1, 3, 20])):
            at = chance.randrange(len(packet))
            packet[at] ^= 1 << chance.randrange(8)
        cut = len(packet) if chance.random() < 0.5 else chance.randrange(len(packet))
        try:
            picture = decoder.decode(bytes(packet[:cut]))
        except CodingError:
            refused += 1
        else:
            assert picture.shape == (128, 192, 3)
            assert picture.dtype == np.uint8
    assert refused > 0
    decoder._lost = True
    np.testing.assert_array_equal(decoder.decode(made[0]), whole)


@pytest.mark.parametrize("codec", CODECS)
def test_key_pictures_are_known_by_their_bytes(codec: str) -> None:
    assert [is_key(codec, packet) for packet in packets(codec)] == [n % PERIOD == 0 for n in range(18)]
    assert not is_key(codec, b"")


def test_a_picture_that_is_given_out_is_not_written_again() -> None:
    made, decoder = packets("h264", 3), RoiDecoder("h264")
    first = decoder.decode(made[0])
    before = first.copy()
    decoder.decode(made[1])
    np.testing.assert_array_equal(first, before)


def test_a_kind_of_bytes_that_it_does_not_know_is_refused() -> None:
    with pytest.raises(SetupError, match="'semantic' is none of h264, h265"):
        RoiDecoder("semantic")
