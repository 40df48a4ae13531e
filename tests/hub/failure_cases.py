"""Pushes that fail, rates that cannot be had: one clear error each, and nothing lost. Run as `cases.py` is."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from packaging.version import parse

from hf_metalr.hub.upload_errors import UploadError
from tests.hub.cases import an_adapter
from tests.hub.loopback import PUBLIC, card, files, hub, trained
from tests.hub.server import Repo
from tests.patience import HANGS
from tests.trainer.tiny import Texts, make_bert, make_trainer

pytestmark = [
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # huggingface_hub's own upload
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),  # from PEFT
]


@pytest.mark.parametrize("mode", ["lfs", "regular"])
def test_an_interrupted_upload_is_one_error_and_a_repeat_succeeds(folder, mode):
    hub.mode = mode
    trainer = trained(folder)
    hub.drops = 10_000
    with pytest.raises(UploadError, match=r"'alice/scans' was interrupted .* Nothing was committed; files that"):
        trainer.push_to_hub()
    assert hub.repos["alice/scans"].files == {}
    hub.drops = 0
    trainer.push_to_hub()
    assert set(files()) == PUBLIC


def test_what_had_arrived_whole_is_not_sent_twice(folder):
    trainer = trained(folder)
    hub.spared, hub.drops = 2, 10_000
    with pytest.raises(UploadError, match="files that arrived whole are not sent twice"):
        trainer.push_to_hub()
    arrived = set(hub.objects)
    assert len(arrived) == 2
    hub.drops = 0
    hub.requests.clear()
    trainer.push_to_hub()
    sent = {request.rpartition("/")[2] for request in hub.requests if request.startswith("PUT")}
    assert set(files()) == PUBLIC
    assert sent == set(hub.objects) - arrived != set()


@pytest.mark.skipif(
    parse(huggingface_hub.__version__) < parse("1.32"), reason="this client does not repeat a dropped request by itself"
)
def test_one_dropped_connection_is_survived(folder):
    trainer = trained(folder)
    hub.drops = 1
    trainer.push_to_hub()
    assert set(files()) == PUBLIC


def test_a_wrong_token_is_one_clear_error(folder):
    trainer = trained(folder, hub_token="hf_wrong")
    with pytest.raises(UploadError) as caught:
        trainer.push_to_hub()
    assert str(caught.value) == (
        "push_to_hub to 'alice/scans': the Hub answered 401: the token was refused. Log in with `hf auth login`, or "
        f"give one that may write as hub_token. Everything is saved in '{folder}'; push it later with: hf upload "
        f"alice/scans {folder} . --exclude training_args.bin"
    )
    assert not hub.repos
    trained(folder / "right").push_to_hub()  # now there is a repository, and a token that may not write into it
    trainer.hub_model_id = "alice/scans"
    with pytest.raises(UploadError, match="401: the token was refused"):
        trainer.push_to_hub()
    assert len(hub.repos["alice/scans"].commits) == 1


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.usefixtures("_closed_port")
def test_an_unreachable_hub_is_one_error_and_its_command_pushes_all_later(folder, blocking):
    trainer = trained(folder, hub_private_repo=True)
    (folder / "runs").mkdir()
    (folder / "runs" / "events").write_text("ward-7")
    if not blocking:
        trainer.hub_model_id, trainer.push_in_progress = "alice/scans", None  # as after an earlier push

    def push():
        pushed = trainer.push_to_hub(blocking=blocking, license="mit")
        return pushed if blocking else pushed.result()

    with pytest.raises(UploadError) as caught:
        push()
    text = str(caught.value)
    begin = rf"push_to_hub to 'alice/scans': cannot reach the Hub at {hub.url} \(.*refused.*\)\. Nothing was sent\. "
    assert re.match(begin + f"Everything is saved in '{folder}'; push it later with: hf upload alice/scans", text)
    assert PUBLIC | {"training_args.bin", "runs"} == set(os.listdir(folder))
    hub.reopen()
    command, *words = shlex.split(text.partition("push it later with: ")[2])
    assert "--private" in words
    subprocess.run([Path(sys.executable).with_name(command), *words], check=True, capture_output=True, timeout=HANGS)
    assert set(files()) == PUBLIC
    assert card()["license"] == "mit"


@pytest.mark.usefixtures("_closed_port")
def test_the_command_of_an_adapter_comes_with_what_to_replace_first(folder):
    # catches: a local path of the base model that reaches the Hub by the command
    make_bert().save_pretrained(folder / "_base")
    trainer = trained(folder, an_adapter(folder / "_base"), Texts(48))
    first = rf"push it later \(first replace '{folder}/_base', which only you have, in adapter_config.json\) with: hf "
    with pytest.raises(UploadError, match=first):
        trainer.push_to_hub(finetuned_from="alice/base")


@pytest.mark.usefixtures("_closed_port")
def test_an_unreachable_hub_is_told_before_training(folder):
    with pytest.raises(UploadError, match=r"cannot reach the Hub at .* Mend that, or train without pushing"):
        make_trainer(folder, hub_model_id="alice/scans", push_to_hub=True)


@pytest.mark.usefixtures("_closed_port")
def test_rates_of_an_unreachable_hub_are_one_error(folder):
    with pytest.raises(
        ValueError, match=r"`init_lrs` 'alice/far': the Hub cannot be reached and metalr\.json is not in the"
    ):
        make_trainer(folder, init_lrs="alice/far").train()


def test_offline_is_told_as_what_it_is(folder, monkeypatch):
    trainer = trained(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UploadError, match=r"cannot reach the Hub at .*: HF_HUB_OFFLINE is set\. Everything is saved"):
        trainer.push_to_hub()


def test_a_wrong_token_is_told_before_training_too(folder):
    with pytest.raises(UploadError, match="401: the token was refused"):
        make_trainer(folder, hub_model_id="alice/scans", hub_token="hf_wrong", push_to_hub=True)
    with pytest.raises(ValueError, match="alice/a scan"):
        make_trainer(folder, hub_model_id="alice/a scan", push_to_hub=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("alice/nothing", None, "neither a local path nor a model of the Hub that you may read"),
        ("alice/other", {"config.json": b"{}"}, "has no metalr.json: it was not pushed by"),
        ("alice/huge", {"metalr.json": b" " * (5 * 2**20)}, "must have at most 4194304 bytes, found 5242880"),
        ("alice/broken", {"metalr.json": b"{"}, "is not valid JSON"),
        ("alice/foreign", {"metalr.json": b'{"schema": "x"}'}, "found schema 'x'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_message(folder, name, content, message):
    if content is not None:
        hub.repos[name] = Repo(files=dict(content), commits=["by hand"])
    with pytest.raises(ValueError, match=message):
        make_trainer(folder, init_lrs=name).train()
    assert not [request for request in hub.requests if request.startswith("GET /alice/huge")]  # refused unread
