"""Pictures in: folders and single ones, upright, each by itself, and what is damaged hurts no other."""

from fractions import Fraction

import numpy as np
import pytest

from pipeline.errors import SetupError
from stages.images import list_images, natural
from stages.ingest import Auto
from stages.ingest.file import File
from stages.ingest.images import Images
from stages.ingest.orientation import Orientation, from_matrix
from stages.ingest.still import decoder_for, glance, read_still
from tests.clips import decode, lend, make_clip, number_of, picture, read_all, stamps_of
from tests.copying import copying
from tests.runs import Run
from tests.stills import still, write_still

# What each EXIF orientation asks to be done with the stored rows and columns, in NumPy's words.
EXIF = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: np.rot90(a, 1),
}


def folder_of(folder, names, **more):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        write_still(folder / name, picture(number), **more)
    return folder


def all_of(source):
    """Every frame of a source: (number in the picture or why it was rejected, pts)."""
    frame = lend(source, source.open())
    found = []
    for _ in source.frames():
        found.append((frame.rejected or number_of(frame.image), frame.pts))
        frame.rejected = ""
    source.close()
    return found


def test_a_folder_comes_in_the_order_a_person_would_count(tmp_path):
    names = ["img1.png", "img2.png", "img10.png", "img100.png"]
    source = Images(input=str(folder_of(tmp_path / "in", names)), rate=10)
    spec, images, stamps = read_all(source)
    assert [number_of(image) for image in images] == [0, 1, 2, 3]
    assert stamps == [0, 1, 2, 3]
    assert (spec.width, spec.height, spec.rate, spec.time_base) == (96, 64, 10, Fraction(1, 10))
    assert (spec.declared_frames, spec.source) == (4, str(tmp_path / "in"))
    assert not source.context.notes


def test_names_sort_by_the_value_of_their_numbers():
    names = ["9.png", "010.png", "10.png", "a.png", "IMG3.png", "img20.png", "x1y2.png", "x1y10.png"]
    rng = np.random.default_rng(4)
    for _ in range(20):
        mixed = [str(name) for name in rng.permutation(names)]
        assert sorted(mixed, key=lambda name: (natural(name), name)) == names


def test_only_pictures_are_taken_from_a_folder_and_the_rest_is_told_once(tmp_path):
    folder = folder_of(tmp_path / "in", ["a.png", "b.JPG", "c.tif"])
    (folder / "notes.txt").write_text("no picture")
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "._a.png").write_bytes(b"a shadow")
    (folder / "deeper.png").mkdir()
    source = Images(input=str(folder))
    assert all_of(source) == [(0, 0), (1, 1), (2, 2)]
    assert source.context.notes == [f"{folder}: left out, as no pictures: Thumbs.db and 2 more"]
    assert [path.name for path in list_images(folder)] == ["a.png", "b.JPG", "c.tif"]


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_lossless_pictures_come_out_bit_for_bit(tmp_path, ending):
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (33, 47, 3)).astype(np.uint8)
    assert np.array_equal(read_all(Images(input=str(write_still(tmp_path / f"a.{ending}", image))))[1][0], image)


def test_a_jpeg_comes_out_as_near_as_it_was_stored(tmp_path):
    path = write_still(tmp_path / "a.jpg", picture(5))
    assert np.abs(read_all(Images(input=str(path)))[1][0].astype(int) - picture(5)).mean() < 1.5


@pytest.mark.parametrize(
    ("pixels", "tolerance"), [("gray", 0), ("gray16be", 1), ("rgb48be", 1), ("rgba", 0), ("ya8", 0), ("pal8", 8)]
)
def test_grey_deep_and_transparent_pictures_become_bgr(tmp_path, pixels, tolerance):
    image = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 40, 0).repeat(3, 2)
    if pixels == "pal8":
        path = tmp_path / "a.bmp"
        path.write_bytes(palette_bmp(image))
    else:
        path = write_still(tmp_path / "a.png", image, pixels=pixels)
    found = read_all(Images(input=str(path)))[1][0]
    assert np.abs(found.astype(int) - image).max() <= tolerance


def palette_bmp(image):
    """A BMP with one byte a pixel, whose palette turns value n into the grey n."""
    height, width = image.shape[:2]
    palette = b"".join(bytes([n, n, n, 0]) for n in range(256))
    rows = b"".join(row.tobytes() + bytes(-width % 4) for row in image[::-1, :, 0])
    start = 14 + 40 + len(palette)
    head = b"BM" + (start + len(rows)).to_bytes(4, "little") + bytes(4) + start.to_bytes(4, "little")
    info = b"".join(n.to_bytes(4, "little") for n in (40, width, height)) + b"\1\0\x08\0" + bytes(24)
    return head + info + palette + rows


def test_transparency_is_left_out_and_the_colours_stay(tmp_path):
    from av.video.frame import VideoFrame

    image = np.full((16, 16, 4), (10, 200, 90, 0), np.uint8)  # fully transparent
    frame = VideoFrame.from_ndarray(image, format="bgra")
    path = tmp_path / "a.png"
    path.write_bytes(encoded(frame))
    assert (read_all(Images(input=str(path)))[1][0] == (10, 200, 90)).all()


def encoded(frame):
    from av.codec.context import CodecContext

    context = CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "rgba"
    context.time_base = Fraction(1, 25)
    frame = frame.reformat(format="rgba")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize("orientation", EXIF)
def test_a_photo_stands_as_its_camera_says(tmp_path, orientation):
    image = np.zeros((48, 80, 3), np.uint8)
    image[:24, :40], image[:24, 40:], image[24:, :40] = (0, 0, 255), (0, 255, 0), (255, 0, 0)
    path = write_still(tmp_path / "a.jpg", image, orientation=orientation)
    spec, images, _ = read_all(Images(input=str(path)))
    wanted = EXIF[orientation](image)
    assert (spec.height, spec.width) == wanted.shape[:2]
    assert np.abs(images[0].astype(int) - wanted).mean() < 4


def test_photos_that_look_alike_may_be_stored_in_any_direction(tmp_path):
    write_still(tmp_path / "1.jpg", picture(1))
    write_still(tmp_path / "2.jpg", np.rot90(picture(2)), orientation=6)
    write_still(tmp_path / "3.png", picture(3))
    assert all_of(Images(input=str(tmp_path))) == [(1, 0), (2, 1), (3, 2)]


@pytest.mark.parametrize("turned", [False, True])
def test_pictures_of_different_sizes_are_refused_before_anything_runs(tmp_path, turned):
    write_still(tmp_path / "1.jpg", picture(1))
    other = {"orientation": 6} if turned else {}
    write_still(tmp_path / "2.jpg", picture(2) if turned else picture(2, 104, 64), **other)
    with pytest.raises(SetupError) as told:
        Images(input=str(tmp_path)).open()
    said = str(told.value)
    assert "1.jpg has 96x64, 2.jpg " + ("64x96" if turned else "104x64") in said
    assert f"-i '{tmp_path}/*.jpg'" in said
    assert "\n" not in said


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "flipped"])
def test_a_damaged_picture_is_counted_and_the_others_go_on(tmp_path, damage):
    folder = folder_of(tmp_path / "in", ["1.png", "2.png", "3.png", "4.png"])
    data = bytearray((folder / "3.png").read_bytes())
    data[len(data) // 2] ^= 0xFF
    wrong = {"cut": data[: len(data) // 2], "text": b"once upon a time", "empty": b"", "flipped": data}
    (folder / "3.png").write_bytes(wrong[damage])
    source = Images(input=str(folder))
    assert all_of(source) == [(0, 0), (1, 1), ("damaged_picture", 2), (3, 3)]
    assert dict(source.context.errors) == {"damaged_picture": 1}
    assert "3.png" in source.context.notes[0]


@pytest.mark.parametrize("ending", ["jpg", "png", "bmp", "webp", "tif"])
def test_a_picture_that_is_cut_short_is_no_picture(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    data = still(np.random.default_rng(2).integers(0, 256, (200, 300, 3)).astype(np.uint8), ending)
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(SetupError, match="damaged"):
        Images(input=str(path)).open()


def test_a_folder_without_one_good_picture_is_refused(tmp_path):
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\nno more")
    with pytest.raises(SetupError, match="none of its pictures can be decoded"):
        Images(input=str(tmp_path)).open()
    with pytest.raises(SetupError, match="there are no pictures"):
        Images(input=str(folder_of(tmp_path / "empty", []))).open()
    with pytest.raises(SetupError, match="No such file"):
        Images(input=str(tmp_path / "absent.png")).open()


def test_absurd_pictures_are_refused_before_memory_is_taken(tmp_path):
    import zlib

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = (50000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10**6))) + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(bomb)
    for look in (read_still, glance):
        with pytest.raises(SetupError, match=r"bomb\.png"):
            look(str(tmp_path / "bomb.png"))


@pytest.mark.parametrize(
    "name", ["img%03d.png", "a*b?.png", "[x].png", "-i.png", "spa ce'\".png", "ünï🎈.png", "a:b.png"]
)
def test_odd_names_are_only_names(tmp_path, name):
    folder = folder_of(tmp_path / "in", [name])
    write_still(tmp_path / "img000.png", picture(77))
    assert all_of(Images(input=str(folder))) == [(0, 0)]
    assert all_of(Images(input=str(folder / name))) == [(0, 0)]


def test_what_lies_in_a_file_counts_and_not_its_ending(tmp_path):
    photo = write_still(tmp_path / "a.jpg", picture(9)).rename(tmp_path / "a.mp4")
    clip = make_clip(tmp_path / "b.mp4", 3).rename(tmp_path / "b.png")
    assert Auto.pick(str(photo)) is Images
    assert Auto.pick(str(clip)) is File
    assert Auto.pick(str(tmp_path)) is Images
    assert all_of(Images(input=str(photo))) == [(9, 0)]
    assert decoder_for(b"BMW is a maker of cars") is None


@pytest.mark.parametrize("frames", [0, 1, 3, 5])
def test_a_restarted_folder_goes_on_where_it_was(tmp_path, frames):
    folder = folder_of(tmp_path / "in", [f"{n}.png" for n in range(5)])
    (folder / "1.png").write_bytes(b"damaged")
    source = Images(input=str(folder))
    whole = all_of(source)
    again = Images(input=str(folder))
    frame = lend(again, again.open())
    again.resume(frames, frames - 1)
    rest = []
    for _ in again.frames():
        rest.append((frame.rejected or number_of(frame.image), frame.pts))
        frame.rejected = ""
    assert rest == whole[frames:]


def test_a_range_of_a_folder_is_cut_by_its_rate(tmp_path):
    folder = folder_of(tmp_path / "in", [f"{n}.png" for n in range(10)])
    assert all_of(Images(input=str(folder), rate=5, start=0.5, end=1.2)) == [(3, 3), (4, 4), (5, 5)]
    with pytest.raises(SetupError, match=r"--start 2 is after its last picture, at 1\.8"):
        Images(input=str(folder), rate=5, start=2).open()
    with pytest.raises(SetupError, match="no picture between"):
        Images(input=str(folder), rate=5, start=0.5, end=0.55).open()


def test_a_run_over_a_damaged_folder_ends_incomplete_and_gives_the_rest(tmp_path):
    folder = folder_of(tmp_path / "in", [f"{n}.png" for n in range(6)])
    data = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(data[: len(data) // 2])
    ended = Run(tmp_path, copying(), "--input", str(folder), "--output", str(tmp_path / "out.mkv")).end()
    assert ended.code == 4
    assert ended.report["result"] == "completed_with_errors"
    assert (ended.frames["output"], ended.frames["rejected"]) == (5, 1)
    assert "damaged_picture" in ended.stderr
    assert [number_of(image) for image in decode(tmp_path / "out.mkv")] == [0, 1, 3, 4, 5]
    assert stamps_of(tmp_path / "out.mkv") == [Fraction(n, 25) for n in (0, 1, 3, 4, 5)]


@pytest.mark.parametrize(
    "matrix", [(0,) * 9, (46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30), (1, 1, 0, 1, 1, 0, 0, 0, 0)]
)
def test_only_right_angles_are_understood(matrix):
    assert from_matrix(matrix) is None


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("flip_x", [False, True])
@pytest.mark.parametrize("flip_y", [False, True])
def test_an_orientation_says_truly_what_it_does(transposed, flip_x, flip_y):
    made = Orientation(transposed, flip_x, flip_y)
    image = np.arange(24).reshape(2, 4, 3)
    wanted = np.rot90(image, made.rotation // 90)
    assert np.array_equal(made.apply(image), wanted[:, ::-1] if made.mirrored else wanted)
    assert made.apply(image).shape[:2] == made.size(4, 2)[::-1]
