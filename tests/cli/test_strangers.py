"""What strangers bring, through every command that reads data: models of one channel, and texts longer than a model."""

import json

import numpy as np
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from hf_metalr.cli import main
from tests.cli.models import save_text_model

QUICK = ("--set", "disable_tqdm=true", "--epochs", "1", "--batch-size", "4")


def run(*arguments: object) -> int:
    return main(list(map(str, arguments)))


def test_a_model_of_one_channel_gets_grey_images_in_every_command(tmp_path, capsys):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model, out = tmp_path / "grey", tmp_path / "out"
    ViTForImageClassification(ViTConfig(image_size=16, patch_size=8, num_channels=1, **sizes)).save_pretrained(model)
    ViTImageProcessor(size={"height": 16, "width": 16}, image_mean=[0.5], image_std=[0.5]).save_pretrained(model)
    random = np.random.default_rng(0)
    for number in range(16):
        folder = tmp_path / "scans" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        shape = (16, 16) if number < 8 else (16, 16, 3)  # grey and in colour
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{number}.png")
    data = ("--data", tmp_path / "scans")
    assert run("train", "--model", model, *data, "--output-dir", out, *QUICK) == 0
    assert run("rank", model, *data, "--bootstraps", 100) == 0
    assert run("transferability", out, model, *data) == 0


def test_texts_longer_than_the_model_are_cut_and_told_in_every_command(tmp_path, capsys):
    model, out, table = save_text_model(tmp_path / "bert"), tmp_path / "out", tmp_path / "texts.csv"
    rows = [f"{'one cat ' * (20 if n % 3 else 2)}{'dog ' * n},{'ab'[n % 2]}" for n in range(24)]  # 16 positions
    table.write_text("text,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    data = ("--data", table, "--label-column", "kind")
    for line in (
        ("train", "--model", model, *data, "--output-dir", out, *QUICK),
        ("rank", model, *data, "--bootstraps", 100),
        ("transferability", out, model, *data),
    ):
        assert run(*line) == 0
        told = capsys.readouterr().err
        assert "are longer than 16 tokens and are cut" in told, line[0]


def test_every_command_begins_with_the_account(tmp_path, capsys):
    model, out, table = save_text_model(tmp_path / "bert"), tmp_path / "out", tmp_path / "texts.csv"
    rows = [f"{'one ' * (1 + n // 6)}{('cat', 'dog')[n % 2]}{' a' * (n % 6)},{'ab'[n % 2]}" for n in range(24)]
    table.write_text("text,kind\n" + "\n".join(rows) + "\n,\n", encoding="utf-8")  # pandas leaves such a last row
    data = ("--data", table, "--label-column", "kind")
    assert run("train", "--model", model, *data, "--output-dir", out, *QUICK) == 0
    assert run("rank", model, *data, "--bootstraps", 100, "--max-samples", 20) == 0
    assert run("transferability", out, model, *data, "--max-samples", 10) == 0
    told = capsys.readouterr().err
    assert told.count("1 file found, all read") == told.count("classes: 0 = a, 1 = b") == 3
    assert "25 rows found = 24 read + 1 left out" in told
    assert "25 rows found = 20 read + 5 left out" in told
    assert "25 rows found = 10 read + 15 left out" in told
    assert json.loads((out / "splits.json").read_text())["rows"]["left_out"][0]["count"] == 1
