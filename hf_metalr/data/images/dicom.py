"""DICOM images, through pydicom (``pip install "hf-metalr[dicom]"``).

A stored value becomes a rescaled one (slope × value + intercept; Hounsfield units of CT), and that a brightness by the
file's own window or by the user's.

Source: DICOM PS3.3, C.11.1 (modality LUT), C.11.2 (VOI LUT and windows), C.7.6.3.1.2 (photometric interpretation).
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hf_metalr.data.images.deep.raster import ImageRefused, Raster, Window, in_words

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".dcm", ".dicom", ".ima")
_GREY = ("MONOCHROME1", "MONOCHROME2")
MISSING = 'it is DICOM, for which pydicom is needed: pip install "hf-metalr[dicom]"'


def is_dicom(content: bytes, path: str = "") -> bool:
    """Whether a file is DICOM: by its magic word, or by its suffix where it has none of another kind."""
    return content[128:132] == b"DICM" or Path(path).suffix.lower() in SUFFIXES


def scaling(content: bytes, window: Window | None) -> str | None:
    """Return in words which values of a DICOM file become black and white; None for colours.

    Raises:
        ImageRefused: the file cannot be read.
    """
    found = _read(content, pixels=False)
    if found.get("PhotometricInterpretation", _GREY[0]) not in _GREY:
        return None
    if window is not None:
        return f"DICOM: {in_words(window)}"
    if _own_window(found) is not None or "VOILUTSequence" in found:
        return "DICOM: by the window that each file names"
    return f"DICOM without a window of its own: {in_words('file')}"


def read_dicom(content: bytes, window: Window | None = None) -> "Image":
    """Return a PIL image of mode L or RGB.

    Args:
        content: of the file.
        window: (low, high) in rescaled units; "file" for the smallest and largest value of the image; None for the
            file's own window, or for the smallest and largest where it has none.

    Raises:
        ImageRefused: pydicom is missing, no image or several, or a compression that is not installed.
    """
    found = _read(content)
    frames = int(found.get("NumberOfFrames") or 1)
    if frames > 1:
        raise ImageRefused(f"it holds {frames} images (frames), of which only one would be used: split them")
    kind = str(found.get("PhotometricInterpretation", "MONOCHROME2"))
    pixels = _pixels(found)
    if kind not in _GREY:
        return _colour(pixels, found, kind)
    if found.get("RescaleSlope") == 0:  # some writers leave it empty in this way; every value would be the same
        raise ImageRefused("its RescaleSlope is 0, which makes all values the same")
    from pydicom.pixels import apply_modality_lut

    values = np.asarray(apply_modality_lut(pixels, found), dtype=np.float64)
    if window is None and "VOILUTSequence" in found:
        from pydicom.pixels import apply_voi

        bits = int(found.VOILUTSequence[0].LUTDescriptor[2])
        values, window = np.asarray(apply_voi(values.astype(np.int64), found), dtype=np.float64), (0.0, 2.0**bits - 1)
    elif window is None and (own := _own_window(found)) is not None:
        values, window = _shown(values, *own), (0.0, 1.0)
    alpha = _not_padding(pixels, found) if window is None or window == "file" else None
    whole = Raster(values[..., None], alpha)
    low, high = whole.range if window is None or window == "file" else window
    picture: Image = Raster(values[..., None], white_is_low=kind == "MONOCHROME1").to_image((low, high))
    return picture


def _read(content: bytes, pixels: bool = True) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise ImageRefused(MISSING) from error
    try:
        found = pydicom.dcmread(io.BytesIO(content), force=content[128:132] != b"DICM", stop_before_pixels=not pixels)
    except Exception as error:
        raise ImageRefused(f"it cannot be read as DICOM: {error or type(error).__name__}") from error
    if "TransferSyntaxUID" not in found.file_meta:  # a file without a head, as older machines write it
        implicit, little = found.original_encoding
        uid = pydicom.uid
        explicit = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else explicit
    if pixels and not any(name in found for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise ImageRefused(f"it is DICOM without an image ({found.get('Modality') or 'of no modality'})")
    return found


def _pixels(found: Any) -> np.ndarray:
    """Return (height, width) or (height, width, 3), colours as RGB."""
    try:
        return np.asarray(found.pixel_array)
    except Exception as error:
        name, reason = found.file_meta.TransferSyntaxUID.name, " ".join(str(error).split()) or type(error).__name__
        raise ImageRefused(f"its pixels ({name}) cannot be read: {reason}") from error


def _colour(pixels: np.ndarray, found: Any, kind: str) -> "Image":
    from PIL import Image

    if kind == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = np.asarray(apply_color_lut(pixels, found))[..., :3]
        pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels  # as the standard lays down
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise ImageRefused(f"it is DICOM in colour ({kind}) of {pixels.dtype}, of which 8 bits alone are read")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _own_window(found: Any) -> tuple[float, float, str] | None:
    """Return centre, width and function of the first window; None where there is none or it is empty."""
    ends = []
    for name in ("WindowCenter", "WindowWidth"):
        value = found.get(name)
        if value is not None and not isinstance(value, str | int | float):
            value = value[0] if len(value) else None  # several windows: the first is the usual one
        if value in (None, ""):
            return None
        ends.append(float(value))
    function = str(found.get("VOILUTFunction") or "LINEAR")
    return (ends[0], ends[1], function) if ends[1] >= (1 if function == "LINEAR" else 1e-12) else None


def _shown(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Return the brightness, from 0 to 1, by the equations of C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return 1.0 / (1.0 + np.exp((-4.0 * (values - centre) / width).clip(-700, 700)))
    if function == "LINEAR_EXACT":
        return ((values - centre) / width + 0.5).clip(0.0, 1.0)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return ((values - (centre - 0.5)) / (width - 1) + 0.5).clip(0.0, 1.0)


def _not_padding(pixels: np.ndarray, found: Any) -> np.ndarray | None:
    """Return 1 where a stored value is of the image and 0 where it fills up what the scanner did not see."""
    value = found.get("PixelPaddingValue")
    return None if value is None else (pixels != int(value)).astype(np.float64)
