"""A Hub of our own for `*cases.py`, and what they share.

The endpoint is read when huggingface_hub is imported, hence the order here.
"""

import atexit
import os
import socket
import tempfile

from tests.hub.server import Hub

TOKEN = "hf_" + "verysecret" * 3
HOME = tempfile.mkdtemp(prefix="home-of-dr-jones-")
hub = Hub(TOKEN).__enter__()
atexit.register(hub.__exit__)
os.environ |= {
    "HF_ENDPOINT": hub.url,
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_ETAG_TIMEOUT": "300",  # a busy machine may take longer than the 10 s of the client
    "HF_HUB_DOWNLOAD_TIMEOUT": "300",
    "HF_HOME": f"{HOME}/.cache/huggingface",
    "HOME": HOME,
    "HF_TOKEN": TOKEN,
}

import time
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml

from tests.trainer.tiny import Images, make_trainer

PUBLIC = {"README.md", "config.json", "learned_rates.png", "metalr.json", "metalr_history.jsonl", "model.safetensors"}
IMAGES = torch.stack([Images(4)[index]["pixel_values"] for index in range(4)])


@pytest.fixture(autouse=True)
def _fresh_hub(monkeypatch):
    hub.repos.clear()
    hub.objects.clear()
    hub.received.clear()
    hub.requests.clear()
    hub.mode, hub.drops, hub.spared = "lfs", 0, 0
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between the retries of the client


@pytest.fixture
def folder():
    return Path(tempfile.mkdtemp(dir=HOME)) / "scans"


def trained(folder, model=None, train=None, **settings):
    trainer = make_trainer(folder, model, train, lr_update="log_adam", hub_model_id="alice/scans", **settings)
    trainer.train()
    return trainer


def files() -> dict[str, bytes]:
    return hub.repos["alice/scans"].files


def card() -> dict:
    return yaml.safe_load(files()["README.md"].decode().split("---\n")[1])


@pytest.fixture
def _closed_port():
    hub.refuse()
    huggingface_hub.close_session()  # its connections outlive the server's socket
    yield
    if not hub.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        hub.reopen()
