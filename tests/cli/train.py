"""How the tests of `hf-metalr train` call it."""

import json

from hf_metalr.cli import main

QUICK = ("--epochs", "1", "--batch-size", "8", "--learning-rate", "1e-3", "--set", "disable_tqdm=true")


def run(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def result_of(capsys, *arguments: object) -> dict:
    assert run(*arguments, "--json") == 0
    return json.loads(capsys.readouterr().out)
