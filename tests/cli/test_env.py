"""`hf-metalr env`: what a bug report needs, and nothing that names a person."""

import json
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from hf_metalr.cli import main


def test_versions_devices_and_number_types_are_told(capsys):
    assert main(["env", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    for name in ("hf-metalr", "torch", "transformers", "accelerate", "datasets", "evaluate", "huggingface-hub"):
        assert found["packages"][name] == version(name)
    assert found["devices"][0]["device"] == "cpu"
    assert found["devices"][0]["dtypes"]["float64"] is True
    assert found["variables"]["HF_HUB_OFFLINE"] == "1"


def test_the_lines_hold_what_the_json_holds(capsys):
    assert main(["env"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^transformers +{re.escape(version('transformers'))}$", text, re.MULTILINE)
    assert re.search(r"^HF_HUB_OFFLINE +1$", text, re.MULTILINE)
    assert "besides float32: " in text


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_nothing_names_a_person_or_a_secret(capsys, monkeypatch, form):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_HUB_OFFLINE", "hf_secret")  # a slip of the user's
    monkeypatch.setenv("HF_HOME", "/home/dr-jones")
    assert main(["env", *form]) == 0
    text = capsys.readouterr().out
    for secret in ("hf_secret", "dr-jones", str(Path.home()), platform.node(), str(Path.cwd()), sys.prefix):
        assert len(secret) < 5 or secret not in text
    assert "(set)" in text


def test_an_option_that_is_none_is_a_usage_error(capsys):
    assert main(["env", "--yaml"]) == 2
    assert "unknown options: --yaml" in capsys.readouterr().err
