"""One pixel gives one picture: every kind of file becomes grey or RGB, 8 bits, upright, opaque, or is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageOps

from hf_metalr.data.images.decode import ImageRefused, TooDeep, check, decode, to_channels
from hf_metalr.data.images.deep.raster import require_window
from hf_metalr.errors import InputError
from tests.data.deep_files import png, tiff

RNG = np.random.default_rng(0)
RED = (255, 0, 0)


def saved(picture, kind="PNG", **options) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def scan(*shape) -> np.ndarray:
    return RNG.integers(0, 4096, shape).astype(np.uint16)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("write", [png, tiff])
def test_deep_images_are_refused_with_their_range_or_scaled_by_the_window(channels, write):
    values = scan(9, 8, channels)
    values[0, 0], values[0, 1] = 0, 4095
    if channels in (2, 4):
        values[..., -1] = 65535
    content = write(values)
    with pytest.raises(TooDeep, match=r"16 bits per channel \(values 0 to 4095\).*--window 0 4095"):
        decode(content)
    with pytest.raises(TooDeep, match="16 bits per channel"):
        check(content)
    for window, (low, high) in {(1000, 3000): (1000, 3000), "file": (0, 4095)}.items():
        image = decode({"bytes": content, "path": None}, window)
        colours = values[..., : 3 if channels > 2 else 1]
        expected = np.rint(((colours - float(low)) / (high - low)).clip(0, 1) * 255)
        assert image.mode == ("RGB" if channels > 2 else "L")
        np.testing.assert_array_equal(np.asarray(image).reshape(colours.shape), expected)
        assert check(content, window).size == (8, 9)


def test_deep_transparency_shows_white():
    values = np.zeros((1, 3, 4), np.uint16)
    values[0, :, 3] = 0, 32768, 65535
    np.testing.assert_array_equal(np.asarray(decode(png(values), (0, 100)))[0, :, 0], [255, 127, 0])


def test_deep_images_where_small_is_white():
    values = np.array([[[0], [4000]]], np.uint16)
    assert np.asarray(decode(tiff(values, photometric=0), "file")).tolist() == [[255, 0]]


def test_deep_images_that_pillow_reads_whole_are_scaled_alike():
    values = scan(6, 5)
    real = RNG.normal(size=(6, 5)).astype(np.float32)
    for content in (saved(Picture.fromarray(values), "JPEG2000"), saved(Picture.fromarray(values), "PNG")):
        expected = np.rint(values.clip(0, 2000) / 2000 * 255)
        np.testing.assert_array_equal(np.asarray(decode(content, (0, 2000))), expected)
    image = decode(saved(Picture.fromarray(real), "TIFF"), "file")
    assert image.getextrema() == (0, 255)
    with pytest.raises(TooDeep, match="floating-point numbers"):
        decode(Picture.fromarray(real))


def test_a_deep_image_of_one_value_is_black_and_one_without_numbers_is_refused():
    assert decode(png(np.full((2, 2, 1), 900, np.uint16)), "file").getextrema() == (0, 0)
    with pytest.raises(ImageRefused, match="not finite"):
        decode(tiff(np.full((2, 2, 1), np.nan, np.float32)), "file")


def test_deep_images_that_nobody_reads_whole_are_refused_with_a_window_too():
    content = bytearray(saved(Picture.new("RGB", (8, 8)), "JPEG"))
    content[content.index(b"\xff\xc0") + 4] = 12  # a scanner's JPEG of 12 bits
    with pytest.raises(ImageRefused, match="12 bits"):
        check(bytes(content))
    with pytest.raises(ImageRefused):
        decode(bytes(content), "file")
    with pytest.raises(ImageRefused, match="6 channels"):
        decode(tiff(scan(4, 4, 6), photometric=1), "file")


@pytest.mark.parametrize("window", [(1, 1), (3, 2), (0, float("nan")), "wide", (1,), 5, ("0", "1")])
def test_windows_that_are_none(window):
    with pytest.raises(InputError, match="`window` must be two numbers"):
        require_window(window)


def test_windows():
    for window in (None, "file", (0, 1), [-1000.0, 400]):
        require_window(window)


def see_through(mode):
    """Red (white in grey) that is hidden on the left and shown on the right."""
    picture = Picture.new("RGBA", (2, 1), (*RED, 0))
    picture.putpixel((1, 0), (*RED, 255))
    return picture.convert(mode)


def test_what_is_transparent_shows_white():
    expected = [[[255, 255, 255], list(RED)]]
    for content in (saved(see_through("RGBA")), saved(see_through("RGBA"), "WEBP", lossless=True)):
        assert np.asarray(decode(content)).tolist() == expected
    keyed = Picture.new("RGB", (2, 1), (0, 0, 9))
    keyed.putpixel((1, 0), RED)
    assert np.asarray(decode(saved(keyed, transparency=(0, 0, 9)))).tolist() == expected
    indexed = Picture.new("P", (2, 1))
    indexed.putpalette([0, 0, 255, *RED])
    indexed.putpixel((1, 0), 1)
    for kind in ("PNG", "GIF"):
        assert np.asarray(decode(saved(indexed, kind, transparency=0))).tolist() == expected
    grey = Picture.new("L", (2, 1), 7)
    grey.putpixel((1, 0), 90)
    assert np.asarray(decode(saved(grey, transparency=7))).tolist() == [[255, 90]]
    both = Picture.merge("LA", (Picture.new("L", (2, 1), 90), Picture.fromarray(np.array([[0, 255]], np.uint8))))
    assert np.asarray(decode(saved(both))).tolist() == [[255, 90]]


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "LA", "PA", "RGBa", "La", "CMYK", "YCbCr", "LAB", "HSV"]
)
def test_every_mode_becomes_grey_or_colour(mode):
    if mode == "LAB":
        picture = Picture.merge("LAB", [Picture.new("L", (3, 2), value) for value in (128, 128, 128)])
    else:
        between = {"PA": "P", "La": "LA", "RGBa": "RGBA"}.get(mode, mode)
        picture = (
            Picture.new("L", (3, 2), 255).convert("RGBA" if between == "LA" else "RGB").convert(between).convert(mode)
        )
    image = decode(picture)
    assert image.mode == ("L" if mode in ("1", "L", "LA", "La") else "RGB")
    assert image.size == (3, 2)
    shown = np.asarray(image).astype(int)
    assert abs(shown - (119 if mode == "LAB" else 255)).max() <= 2  # L = 50 % of LAB is sRGB's 119
    for channels, wanted in ((1, "L"), (3, "RGB"), (4, "RGB")):
        assert to_channels(image, channels).mode == wanted


def test_inks_of_a_printers_jpeg_are_as_shown():
    inks = Picture.new("CMYK", (16, 16), (0, 255, 255, 0))  # red; Adobe's JPEG stores it inverted
    assert abs(np.asarray(decode(saved(inks, "JPEG", quality=100))).astype(int) - RED).max() <= 3


def test_one_bit_is_black_and_white():
    picture = Picture.fromarray(np.array([[True, False]]))
    for content in (saved(picture), saved(picture, "TIFF"), saved(picture, "PPM")):
        assert np.asarray(decode(content)).tolist() == [[255, 0]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright(orientation):
    picture = Picture.fromarray(RNG.integers(0, 256, (6, 4), dtype=np.uint8))
    exif = Picture.Exif()
    exif[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(Picture.open(io.BytesIO(saved(picture, exif=exif)))))
    contents = {
        "PNG": saved(picture, exif=exif),
        "WEBP": saved(picture, "WEBP", exif=exif, lossless=True),
        "JPEG": saved(picture, "JPEG", exif=exif, quality=100),
        "TIFF": saved(picture, "TIFF", exif=exif),
        "packed TIFF": saved(picture, "TIFF", exif=exif, compression="tiff_lzw"),
        "deep TIFF": tiff(np.asarray(picture)[..., None].astype(np.uint16), tags={274: [orientation]}.items()),
    }
    for kind, content in contents.items():
        shown = decode(content, (0, 255))
        assert check(content, (0, 255)).size == shown.size == ((4, 6) if orientation < 5 else (6, 4))
        error = np.abs(np.asarray(shown.convert("L")).astype(int) - expected).max()
        assert error <= (12 if kind == "JPEG" else 0), kind
        if kind != "deep TIFF":
            with Picture.open(io.BytesIO(content)) as opened:
                assert decode(opened).tobytes() == shown.tobytes()


ZERO_DENOMINATOR = b"II*\0\x08\0\0\0" + struct.pack("<HHHIIHHIIIII", 2, 0x0112, 3, 1, 6, 282, 5, 1, 38, 0, 72, 0)


@pytest.mark.filterwarnings("ignore:.*orrupt EXIF data")
@pytest.mark.parametrize(
    ("block", "size"),
    [
        ({"exif": b"Exif\0\0MM\0\x2a\xff\xff\xff\xff"}, (8, 4)),
        ({"exif": b"Exif\0\0Exif\0\0II*\0\x08\0\0\0"}, (8, 4)),
        ({"exif": b"Exif\0\0"}, (8, 4)),
        ({"exif": b"Exif\0\0" + ZERO_DENOMINATOR}, (4, 8)),  # its orientation can still be read
        ({"xmp": b'<x:xmpmeta \xa8\xff tiff:Orientation="1">'}, (8, 4)),
    ],
    ids=["cut", "doubled", "empty", "zero denominator", "no text"],
)
def test_a_damaged_block_beside_the_pixels_spoils_nothing(block, size):
    content = saved(Picture.new("RGB", (8, 4), RED), "JPEG", **block)
    assert decode(content).size == check(content).size == size


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_several_frames_or_pages_are_refused(kind):
    frames = [Picture.new("L", (8, 8), 80 * n) for n in range(3)]
    for read in (decode, check):
        with pytest.raises(ImageRefused, match=r"it holds 3 images .*split them"):
            read(saved(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert read(saved(frames[0], kind, save_all=True))


def test_the_preview_in_a_phones_jpeg_is_no_second_image():
    picture = Picture.new("RGB", (8, 8), RED)
    content = saved(picture, "MPO", save_all=True, append_images=[picture.resize((4, 4))])
    assert decode(content).size == check(content).size == (8, 8)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"no image", "no image of a known kind"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"II*\0\x08\0\0\0", "ends early"),
        (b"MM\0*\0\0", "ends early"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ],
)
def test_what_is_no_image_is_told(content, reason):
    for read in (decode, check):
        with pytest.raises(ImageRefused, match=reason):
            read({"bytes": content, "path": None})


def test_a_bomb_is_refused(monkeypatch):
    monkeypatch.setattr(Picture, "MAX_IMAGE_PIXELS", 10)
    for content in (saved(Picture.new("L", (5, 5))), png(scan(5, 5, 3)), tiff(scan(5, 5, 3))):
        with pytest.raises(ImageRefused, match="decompression bomb"):
            decode(content, "file")


def test_cells_of_every_form(tmp_path):
    path = tmp_path / "größe [1].png"
    Picture.new("L", (3, 2), 9).save(path)
    forms = [path, str(path), path.read_bytes(), {"bytes": None, "path": str(path)}, Picture.open(path)]
    for cell in forms:
        assert np.asarray(decode(cell)).tolist() == [[9] * 3] * 2
        assert check(cell).size == (3, 2)
    forms[-1].close()
    with pytest.raises(ImageRefused, match=r"there is no file '.*gone\.png'"):
        check({"bytes": None, "path": str(tmp_path / "gone.png")})
    for cell in (None, {"bytes": None, "path": None}, {"bytes": b"", "path": "x"}):
        with pytest.raises(ImageRefused, match="it is empty"):
            decode(cell)
