"""DICOM is read like any image: rescaled values, the file's window or the user's, and what is dark is dark."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image as Picture

from hf_metalr.data.images.decode import IMAGE_SUFFIXES, ImageRefused, check, decode

pydicom = pytest.importorskip("pydicom")
RNG = np.random.default_rng(0)
HOUNSFIELD = {"RescaleSlope": 2, "RescaleIntercept": -1024}


def write(pixels, photometric="MONOCHROME2", syntax=None, meta=True, packed=None, **elements) -> bytes:
    """A DICOM file of (height, width), (height, width, 3) or, with NumberOfFrames, (frames, height, width)."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = SecondaryCaptureImageStorage, generate_uid(), "OT"
    frames = "NumberOfFrames" in elements
    data.Rows, data.Columns = pixels.shape[frames : 2 + frames]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 and not frames else 1
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = photometric
    data.BitsAllocated = data.BitsStored = pixels.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    for name, value in elements.items():
        setattr(data, name, value)
    content = io.BytesIO()
    if not meta:  # no head, as older machines write
        data.save_as(content, implicit_vr=True, little_endian=True)
        return content.getvalue()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax is not None:
        data.compress(syntax)
    if packed is not None:
        data.file_meta.TransferSyntaxUID = packed[0]
        data.PixelData = encapsulate([packed[1]])
    data.save_as(content, enforce_file_format=True)
    return content.getvalue()


def linear(values, centre, width):
    """The equation of the standard, word by word."""
    if values <= centre - 0.5 - (width - 1) / 2:
        return 0.0
    if values > centre - 0.5 + (width - 1) / 2:
        return 255.0
    return ((values - (centre - 0.5)) / (width - 1) + 0.5) * 255


def test_the_files_own_window_acts_on_rescaled_values():
    stored = RNG.integers(0, 2000, (7, 9)).astype(np.uint16)
    image = decode(write(stored, WindowCenter=40, WindowWidth=400, **HOUNSFIELD))
    expected = np.vectorize(linear)(stored * 2.0 - 1024, 40.0, 400.0)
    assert image.mode == "L"
    assert np.abs(np.asarray(image) - expected).max() <= 0.5


def test_a_narrow_window_has_the_ends_of_the_standard():
    stored = np.arange(6, dtype=np.uint16)[None]  # the width counts values, so that 3 of them are 2 steps
    image = decode(write(stored, WindowCenter=2, WindowWidth=3))
    assert np.abs(np.asarray(image) - [[linear(value, 2.0, 3.0) for value in range(6)]]).max() <= 0.5
    assert np.asarray(decode(write(stored, WindowCenter=2, WindowWidth=1)))[0].tolist() == [0, 0, 255, 255, 255, 255]


def test_the_users_window_is_in_rescaled_units_and_goes_first():
    stored = np.array([[0, 462, 512, 562, 2000]], np.uint16)
    content = write(stored, WindowCenter=0, WindowWidth=10, **HOUNSFIELD)
    assert np.asarray(decode(content, (-100.0, 100.0))).tolist() == [[0, 0, 128, 255, 255]]
    assert np.asarray(decode(content, "file"))[0, [0, 4]].tolist() == [0, 255]


def test_without_any_window_the_range_of_the_image_is_used_without_what_pads_it():
    stored = np.array([[-2000, -1000, 0, 1000]], np.int16)
    assert np.asarray(decode(write(stored))).tolist() == [[0, 85, 170, 255]]
    assert np.asarray(decode(write(stored, PixelPaddingValue=-2000))).tolist() == [[0, 0, 128, 255]]


def test_how_values_become_brightness_is_told():
    stored = np.zeros((2, 2), np.int16)
    assert "without a window of its own: the smallest value" in check(write(stored)).scaling
    windowed = write(stored, WindowCenter=[40, 50], WindowWidth=[400, 80])
    assert check(windowed).scaling == "DICOM: by the window that each file names"
    assert check(windowed, (-100.0, 400.0)).scaling == "DICOM: -100 becomes black and 400 white"
    assert check(write(np.zeros((2, 2, 3), np.uint8), "RGB")).scaling is None


def test_of_several_windows_the_first_is_used():
    stored = np.array([[0, 100, 1000]], np.uint16)
    one, two = (
        write(stored, WindowCenter=50, WindowWidth=100),
        write(stored, WindowCenter=[50, 9], WindowWidth=[100, 5]),
    )
    assert decode(one).tobytes() == decode(two).tobytes()


@pytest.mark.parametrize(
    ("function", "expected"), [("LINEAR_EXACT", [0, 64, 128, 191]), ("SIGMOID", [30, 69, 128, 186])]
)
def test_other_functions_of_a_window(function, expected):
    stored = np.array([[0, 25, 50, 75]], np.uint16)
    image = decode(write(stored, WindowCenter=50, WindowWidth=100, VOILUTFunction=function))
    assert np.abs(np.asarray(image)[0].astype(int) - expected).max() <= 1


def test_a_table_of_brightness_is_looked_up():
    from pydicom.dataset import Dataset

    table = Dataset()
    table.LUTDescriptor = [4, 0, 16]
    table.add_new("LUTData", "US", [0, 65535, 0, 32768])
    image = decode(write(np.array([[0, 1, 2, 3]], np.uint16), VOILUTSequence=[table]))
    assert np.asarray(image).tolist() == [[0, 255, 0, 128]]


def test_monochrome1_is_shown_with_large_values_dark():
    stored = np.array([[0, 4095]], np.uint16)
    for window in (None, "file", (0.0, 4095.0)):
        assert np.asarray(decode(write(stored, "MONOCHROME1"), window)).tolist() == [[255, 0]]
    windowed = {"WindowCenter": 2048, "WindowWidth": 4096}
    assert np.asarray(decode(write(stored, "MONOCHROME1", **windowed))).tolist() == [[255, 0]]


def test_colours():
    pixels = RNG.integers(0, 256, (4, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(decode(write(pixels, "RGB"))), pixels)
    red = np.broadcast_to(np.array([76, 85, 255], np.uint8), (4, 6, 3))
    assert np.abs(np.asarray(decode(write(np.ascontiguousarray(red), "YBR_FULL"))).astype(int) - [255, 0, 0]).max() <= 3
    names = [f"{colour}PaletteColorLookupTable" for colour in ("Red", "Green", "Blue")]
    tables = {f"{name}Descriptor": [2, 0, 16] for name in names}
    tables |= {
        f"{name}Data": np.array([0, high], "<u2").tobytes() for name, high in zip(names, (65535, 0, 0), strict=True)
    }
    image = decode(write(np.array([[0, 1]], np.uint8), "PALETTE COLOR", **tables))
    assert np.asarray(image).tolist() == [[[0, 0, 0], [255, 0, 0]]]


def test_compressed_pixels():
    from pydicom.uid import RLELossless

    stored = RNG.integers(0, 4096, (16, 16)).astype(np.uint16)
    plain = decode(write(stored), (0, 4095))
    assert decode(write(stored, syntax=RLELossless), (0, 4095)).tobytes() == plain.tobytes()
    unknown = bytearray(write(stored, syntax=RLELossless))
    place = unknown.index(b"1.2.840.10008.1.2.5\0")
    unknown[place : place + 20] = b"1.2.840.10008.1.2.9\0"
    with pytest.raises(ImageRefused, match=r"its pixels \(.*\) cannot be read"):
        decode(bytes(unknown))


def test_pixels_packed_as_jpeg_and_jpeg_2000_need_pillow_alone():
    from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

    smooth = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 4
    deep = RNG.integers(0, 4096, (32, 32)).astype(np.uint16)
    for syntax, kind, pixels, error in ((JPEGBaseline8Bit, "JPEG", smooth, 4), (JPEG2000Lossless, "JPEG2000", deep, 0)):
        content = io.BytesIO()
        Picture.fromarray(pixels).save(content, kind, **({"quality": 95} if kind == "JPEG" else {}))
        image = decode(write(pixels, packed=(syntax, content.getvalue())), (0, 4095) if error == 0 else (0, 255))
        expected = np.asarray(decode(write(pixels), (0, 4095) if error == 0 else (0, 255))).astype(int)
        assert np.abs(np.asarray(image) - expected).max() <= error


def test_what_is_refused():
    stored = np.zeros((3, 4, 4), np.uint16)
    with pytest.raises(ImageRefused, match=r"3 images \(frames\).*split them"):
        check(write(stored, NumberOfFrames=3))
    with pytest.raises(ImageRefused, match="RescaleSlope is 0"):
        check(write(stored[0], RescaleSlope=0, RescaleIntercept=0))
    content = write(stored[0])
    with pytest.raises(ImageRefused, match="cannot be read"):
        check(content[: len(content) - 8])
    with pytest.raises(ImageRefused, match=r"without an image|cannot be read"):
        check({"bytes": b"no DICOM at all", "path": "a.dcm"})
    report = pydicom.dcmread(io.BytesIO(content))
    del report.PixelData
    report.Modality = "SR"
    saved = io.BytesIO()
    report.save_as(saved)
    with pytest.raises(ImageRefused, match=r"without an image \(SR\)"):
        check(saved.getvalue())


def test_files_are_known_by_their_content_or_their_suffix(tmp_path):
    content = write(np.array([[0, 9]], np.uint16), meta=True)
    (tmp_path / "IM0001").write_bytes(content)
    assert decode(tmp_path / "IM0001").size == check(tmp_path / "IM0001").size == (2, 1)
    bare = write(np.array([[0, 9]], np.uint16), meta=False)
    assert bare[128:132] != b"DICM"
    assert decode({"bytes": bare, "path": "old.dcm"}).size == (2, 1)
    assert {".dcm", ".dicom", ".ima"} <= IMAGE_SUFFIXES


def test_without_pydicom_the_command_that_installs_it_is_told():
    probe = (
        "import sys; sys.modules['pydicom'] = None\n"
        "from hf_metalr.data.images.decode import ImageRefused, decode\n"
        "try: decode(bytes(128) + b'DICM')\n"
        "except ImageRefused as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert 'pip install "hf-metalr[dicom]"' in told
