"""Every bit of deep PNG, TIFF and PGM files, against files written straight from the specifications."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from hf_metalr.data.images.bit_depth import read_depth
from hf_metalr.data.images.decode import decode
from hf_metalr.data.images.deep.netpbm import read_netpbm
from hf_metalr.data.images.deep.png import read_png
from hf_metalr.data.images.deep.raster import ImageRefused
from hf_metalr.data.images.deep.tiff import read_tiff
from tests.data.deep_files import chunk, png, tiff

RNG = np.random.default_rng(0)


def deep(channels, kind=np.uint16, shape=(11, 19)):
    return RNG.integers(0, 65536, (*shape, channels)).astype(kind)


def saved(values, kind, **options) -> bytes:
    content = io.BytesIO()
    Picture.fromarray(values).save(content, kind, **options)
    return content.getvalue()


def whole(raster):
    """Values and alpha beside each other, as stored."""
    if raster.alpha is None:
        return raster.values
    return np.concatenate([raster.values, np.rint(raster.alpha * 65535).astype(np.uint16)[..., None]], axis=-1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 1, 3, 2, 0)], ids=str)
def test_png(channels, interlaced, filters):
    values = deep(channels)
    content = png(values, filters=filters, interlaced=interlaced)
    depth = read_depth(content)
    assert (depth.bits, depth.channels, depth.is_deep) == (16, channels, True)
    np.testing.assert_array_equal(whole(read_png(content)), values)


def test_png_of_pillow_agrees():
    values = np.sort(deep(1, shape=(60, 40)), axis=0)  # smooth, so that the writer chooses filters of its own
    np.testing.assert_array_equal(read_png(saved(values[..., 0], "PNG")).values, values)


def test_png_of_one_invisible_colour():
    values = np.zeros((2, 2, 3), np.uint16)
    values[0, 0] = 7, 8, 9
    alpha = read_png(png(values, extra=chunk(b"tRNS", np.array([7, 8, 9], ">u2").tobytes()))).alpha
    np.testing.assert_array_equal(alpha, [[0, 1], [1, 1]])


def test_damaged_png():
    content = png(deep(3))
    for end in (20, 60, len(content) // 2, len(content) - 5):
        with pytest.raises(ImageRefused, match=r"damaged|cannot be read"):
            decode(content[:end], window=(0, 1))
    spoiled = bytearray(content)
    spoiled[80] ^= 1
    with pytest.raises(ImageRefused, match="wrong checksum"):
        decode(bytes(spoiled), window=(0, 1))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"deflate": True},
        {"deflate": True, "predictor": 2},
        {"planar": True},
        {"tile": 16},
        {"tile": 16, "deflate": True, "predictor": 2},
        {"tile": 16, "planar": True},
    ],
    ids=str,
)
def test_tiff(channels, order, form):
    values = deep(channels, shape=(20, 37))
    content = tiff(values, order=order, **form)
    depth = read_depth(content)
    assert (depth.bits, depth.channels, depth.pages, depth.is_deep) == (16, channels, 1, True)
    np.testing.assert_array_equal(whole(read_tiff(content)), values)


@pytest.mark.parametrize("kind", ["i2", "u4", "i4", "f4", "f8"])
def test_tiff_of_other_numbers(kind):
    values = (RNG.normal(size=(9, 12, 3)) * 1000).astype(kind) if kind[0] != "u" else deep(3, kind) * 60000
    content = tiff(values)
    assert read_depth(content).is_deep
    assert read_depth(content).is_float == (kind[0] == "f")
    np.testing.assert_array_equal(read_tiff(content).values, values)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_of_pillow_agrees(compression):
    grey, real = deep(1)[..., 0], RNG.normal(size=(9, 12)).astype(np.float32)
    for predictor in (1, 2):
        content = saved(grey, "TIFF", compression=compression, tiffinfo={317: predictor} if compression else {})
        np.testing.assert_array_equal(read_tiff(content).values[..., 0], grey)
    for predictor in (1, 3):
        content = saved(real, "TIFF", compression=compression, tiffinfo={317: predictor} if compression else {})
        np.testing.assert_array_equal(read_tiff(content).values[..., 0], real)


def test_colours_multiplied_by_alpha_are_divided():
    values = np.array([[[100, 200, 300, 32768], [5, 5, 5, 0]]], np.uint16)
    read = read_tiff(tiff(values, tags={338: [1]}.items()))
    np.testing.assert_allclose(read.values[0, 0], np.array([100, 200, 300]) / (32768 / 65535))
    np.testing.assert_array_equal(read.alpha[0, 1], 0)


def test_pages_are_counted_without_thumbnails():
    pages = [Picture.fromarray(deep(1)[..., 0]) for _ in range(3)]
    content = io.BytesIO()
    pages[0].save(content, "TIFF", save_all=True, append_images=pages[1:])
    assert read_depth(content.getvalue()).pages == 3
    whole = tiff(deep(1))
    second = tiff(deep(1, shape=(3, 4)), tags={254: [1]}.items())  # a small copy of the first
    place = int.from_bytes(second[4:8], "little")
    count = int.from_bytes(second[place : place + 2], "little")
    directory = second[place : place + 2 + 12 * count] + bytes(4)
    start = int.from_bytes(whole[4:8], "little")
    link = start + 2 + 12 * int.from_bytes(whole[start : start + 2], "little")
    both = whole[:link] + len(whole).to_bytes(4, "little") + whole[link + 4 :] + directory
    assert read_depth(both).pages == 1
    np.testing.assert_array_equal(read_tiff(both).values, read_tiff(whole).values)


def test_stacks_of_imagej_are_stacks():
    told = list(b"ImageJ=1.53\nimages=12\nslices=12\n\0")
    assert read_depth(tiff(deep(1), tags={270: told}.items())).pages == 12


def test_a_tiff_whose_directories_go_round_ends():
    content = bytearray(tiff(deep(1)[:3]))
    place = int.from_bytes(content[4:8], "little")
    entries = int.from_bytes(content[place : place + 2], "little")
    content[place + 2 + 12 * entries : place + 6 + 12 * entries] = content[4:8]  # the next directory is the first
    assert read_depth(bytes(content)).pages == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_netpbm(channels):
    values = deep(channels) % 4096
    head = b"P%d\n# a comment\n%d %d\n4095\n" % ({1: 5, 3: 6}[channels], 19, 11)
    content = head + values.astype(">u2").tobytes()
    assert read_depth(content).bits == 16
    np.testing.assert_array_equal(read_netpbm(content).values, values)
    with pytest.raises(ImageRefused, match="ends early"):
        decode(content[:-1], window=(0, 1))
