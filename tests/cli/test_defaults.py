"""The commands add nothing to the functions behind them: every parameter has its option, with the same default."""

import argparse
import inspect
from collections.abc import Callable

import pytest

from hf_metalr.cli.command import find_commands
from hf_metalr.ranking import rank_backbones
from hf_metalr.transferability import Protocol, transferability_profile

# What the user's data become, and what only Python can pass.
NOT_OPTIONS = {"dataset", "data", "loss", "protocol"}


@pytest.mark.parametrize(
    ("name", "line", "functions"),
    [
        ("rank", ["model", "--data", "x"], [rank_backbones]),
        ("transferability", ["tuned", "pretrained"], [transferability_profile, Protocol]),
    ],
)
def test_options_have_the_defaults_of_the_function(name: str, line: list[str], functions: list[Callable]) -> None:
    parser = argparse.ArgumentParser()
    find_commands()[name].add_options(parser)
    options = vars(parser.parse_args(line))
    for function in functions:
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name in NOT_OPTIONS:
                continue
            assert parameter.name in options
            if parameter.default is not inspect.Parameter.empty:
                assert options[parameter.name] == parameter.default, parameter.name
