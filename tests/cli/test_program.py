"""Help, exit codes, and which stream says what."""

import argparse
import configparser
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hf_metalr.cli import main
from hf_metalr.cli.command import Command, find_commands
from hf_metalr.cli.other_names import OTHER_NAMES, options_of
from hf_metalr.errors import InputError, Parameter
from tests.parallel.launch import accelerate_launch

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_probe(monkeypatch):
    """Run `hf-metalr probe`, a command that does what it is given."""

    def run(work: Callable[[argparse.Namespace], str], *arguments: str) -> int:
        probe = Command("a probe", "Probes.", "  none", lambda parser: None, work)
        monkeypatch.setattr("hf_metalr.cli.program.find_commands", lambda: {"probe": probe})
        return main(["probe", *arguments])

    return run


def raising(error: BaseException) -> Callable[[argparse.Namespace], str]:
    def work(_: argparse.Namespace) -> str:
        raise error

    return work


def test_help_lists_the_commands_and_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, command in find_commands().items():
        assert f"\n    {name}" in text
        assert command.summary in " ".join(text.split())
    assert "130  interrupted" in text


@pytest.mark.parametrize("name", find_commands())
def test_the_help_of_each_command_teaches(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([name, "--help"]) == main([name, "--seed", "1", "-h"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: hf-metalr {name}")
    assert f"  hf-metalr {name} " in text.split("examples:")[1]  # a command line to copy
    assert "exit codes:" in text
    assert max(map(len, text.splitlines())) <= 80  # fits the smallest terminal
    options = [line for line in text.split("examples:")[0].splitlines() if line.startswith("  -")]
    assert len(options) > 2  # its own, --config and --debug


def test_version_is_the_packages(capsys):
    from hf_metalr import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"hf-metalr {__version__}\n"


def test_help_loads_no_framework():
    heavy = {"torch", "transformers", "datasets", "matplotlib", "numpy", "yaml"}
    for arguments in (["--help"], *([name, "--help"] for name in find_commands())):
        probe = (
            f"import sys\nfrom hf_metalr.cli import main\nmain({arguments})\nsys.exit(bool({heavy} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        assert done.returncode == 0


@pytest.mark.parametrize("arguments", [[], ["rnak"], ["--bogus"], ["rank"], ["rank", "m", "--dat", "x"]], ids=str)
def test_what_cannot_be_understood_is_a_usage_error(capsys, arguments):
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "error:" in output.err


def test_a_usage_error_is_one_line(capsys):
    assert main(["train", "--epochs", "-1"]) == 2
    line = "hf-metalr train: error: argument --epochs: must be a finite number of at least 0, found '-1'. "
    assert capsys.readouterr().err == line + "`hf-metalr train --help` explains.\n"


def test_options_that_transformers_scripts_have_are_named_as_they_are_here(capsys):
    # catches: "--model is required", said of a model that was given by another name
    assert main(["train", "--model_name_or_path", "m", "--num_train_epochs=3", "--data", "d", "--batch_sise", "4"]) == 2
    said = capsys.readouterr().err
    assert (
        "--model_name_or_path (here --model), --num_train_epochs (here --epochs), --batch_sise (here --batch-size?)"
        in said
    )


def test_names_with_underscores_are_the_options_that_have_dashes(run_probe, monkeypatch):
    # catches: values with underscores that are changed with the names
    seen: list[argparse.Namespace] = []
    add = lambda parser: parser.add_argument("--learning-rate")  # noqa: E731
    probe = Command("", "", "  none", add, lambda options: seen.append(options) or "")
    monkeypatch.setattr("hf_metalr.cli.program.find_commands", lambda: {"probe": probe})
    assert main(["probe", "--learning_rate", "one_half"]) == 0
    assert seen[0].learning_rate == "one_half"


def test_every_other_name_stands_for_an_option_of_train():
    parser = argparse.ArgumentParser()
    find_commands()["train"].add_options(parser)
    assert set(OTHER_NAMES.values()) <= set(options_of(parser))
    assert not set(OTHER_NAMES) & set(options_of(parser))


def test_a_list_that_is_given_twice_is_not_replaced_silently(capsys):
    assert main(["rank", "m", "--data", "x.csv", "--max-samples", "3", "--max-samples", "4", "--data=y.csv"]) == 2
    assert "argument --data: given 2 times. Give all its values after one" in capsys.readouterr().err


def test_only_the_result_reaches_standard_output(run_probe, capsys):
    def work(_: argparse.Namespace) -> str:
        sys.stdout.write("a library speaks\n")
        return "the result"

    assert run_probe(work) == 0
    output = capsys.readouterr()
    assert (output.out, output.err) == ("the result\n", "a library speaks\n")


def test_a_warning_is_one_line(run_probe, capsys):
    def work(_: argparse.Namespace) -> str:
        warnings.simplefilter("always")
        warnings.warn("few samples:\n  3 per class", UserWarning, stacklevel=1)
        return ""

    run_probe(work)
    assert capsys.readouterr().err == "warning: few samples: 3 per class\n"


@pytest.mark.parametrize("error", [InputError(None, "no\n  column"), FileNotFoundError("no column")], ids=repr)
def test_the_users_fault_is_one_line_and_code_1(run_probe, capsys, error):
    assert run_probe(raising(error)) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "hf-metalr probe: error: no column\n"


def test_debug_shows_the_traceback(run_probe, capsys):
    assert run_probe(raising(InputError(None, "no column")), "--debug") == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.endswith("hf-metalr probe: error: no column\n")


def test_parameters_are_spelt_as_options(capsys, monkeypatch):
    def add_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--label-column")
        parser.add_argument("--set", dest="settings")

    error = InputError(
        "settings", "'x' is none. See ", Parameter("label_column"), " and ", Parameter("python_only"), "."
    )
    probe = Command("a probe", "Probes.", "  none", add_options, raising(error))
    monkeypatch.setattr("hf_metalr.cli.program.find_commands", lambda: {"probe": probe})
    assert main(["probe"]) == 1
    assert (
        capsys.readouterr().err == "hf-metalr probe: error: --set 'x' is none. See --label-column and `python_only`.\n"
    )


def test_a_value_error_of_anyone_else_is_a_bug(run_probe, capsys):
    from hf_metalr.layer_groups import make_layer_groups
    from hf_metalr.tables import console_table

    assert run_probe(lambda _: str(make_layer_groups(torch.nn.Linear(1, 1), "bogus"))) == 1
    assert "bogus" in capsys.readouterr().err
    with pytest.raises(ValueError, match="zip"):  # a built-in complains inside this package: a bug
        run_probe(lambda _: console_table(["a"], [["b", "c"]]))
    with pytest.raises(ValueError, match="from the test"):  # raised by another package
        run_probe(raising(ValueError("from the test")))


def test_the_packages_log_is_told_plainly_and_its_warnings_as_such(run_probe, capsys):
    def work(_: argparse.Namespace) -> str:
        logger = logging.getLogger("hf_metalr.data.read")
        logger.info("input: column '%s'", "scan")
        logger.warning("2 images are empty")
        return ""

    assert run_probe(work) == 0
    assert capsys.readouterr().err == "input: column 'scan'\nwarning: 2 images are empty\n"
    assert not logging.getLogger("hf_metalr").handlers


@pytest.mark.parametrize("error", [TypeError("x"), ModuleNotFoundError("x", name="hf_metalr.gone")], ids=repr)
def test_a_bug_keeps_its_traceback(run_probe, error):
    with pytest.raises(type(error)):
        run_probe(raising(error))


def test_a_reader_that_has_seen_enough_is_no_error(run_probe, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run_probe(lambda _: "the result") == 0
        monkeypatch.undo()


def test_an_interrupt_is_code_130(run_probe, capsys):
    assert run_probe(raising(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_only_the_main_process_prints_but_every_one_may_complain(run_probe, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert run_probe(lambda _: "the result") == 0
    assert capsys.readouterr().out == ""
    assert run_probe(raising(InputError(None, "corrupt image"))) == 1
    assert capsys.readouterr().err == "hf-metalr probe (process 1): error: corrupt image\n"


def test_the_other_processes_of_a_machine_let_the_first_tell_a_mistake(run_probe, capsys, monkeypatch):
    waited: list[str] = []
    monkeypatch.setattr("time.sleep", lambda _: waited.append(capsys.readouterr().err))
    assert main(["rnak"]) == run_probe(raising(InputError(None, "no column"))) + 1 == 2
    assert not waited  # a process alone
    capsys.readouterr()
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["rnak"]) == 2
    assert run_probe(raising(InputError(None, "no column"))) == 1
    assert len(waited) == 2  # and would have been ended there
    assert waited[0] == ""
    assert "(process 1): error: no column" in capsys.readouterr().err


def test_a_launch_of_several_processes_tells_a_mistake_once():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, *accelerate_launch(2), "-m", "hf_metalr", "train", "--epochs", "-1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1  # the launcher's own, whatever its processes end with
    assert done.stderr.count("hf-metalr train: error: argument --epochs") == 1
    assert "exitcode  : 2" in done.stderr


def test_the_console_script_and_the_module_are_the_same_program():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    name, target = config["options.entry_points"]["console_scripts"].strip().split(" = ")
    assert name == "hf-metalr"
    module, function = target.split(":")
    script = f"import sys; from {module} import {function}; sys.exit({function}())"  # what pip writes into bin/
    texts = [
        subprocess.run([sys.executable, *start, "rank"], cwd=ROOT, capture_output=True, text=True, check=False)
        for start in (["-c", script], ["-m", "hf_metalr"])
    ]
    assert texts[0].returncode == texts[1].returncode == 2
    assert texts[0].stderr == texts[1].stderr
