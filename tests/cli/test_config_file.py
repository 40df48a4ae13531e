"""Options from a file: the same checks as on the command line, which wins."""

import argparse
import json
import re
from pathlib import Path

import pytest

from hf_metalr.cli.config_file import apply_config
from hf_metalr.options.files import read_config


def parse(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="probe", allow_abbrev=False)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--config")
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--max-samples", type=int)
    parser.add_argument("--score", choices=["knn", "probe"], default="knn")
    parser.add_argument("--estimator", help="'own' or 'off'")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--name")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--push", nargs="?", const="", metavar="ID")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", dest="form", action="store_const", const="json")
    forms.add_argument("--csv", dest="form", action="store_const", const="csv")
    texts = [str(argument) for argument in arguments]
    apply_config(parser, texts)
    return parser.parse_intermixed_args(texts)


@pytest.fixture
def write(tmp_path):
    def write_file(text: str, name: str = "options.yaml") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write_file


FULL = {"models": ["a", "b"], "data": "x.csv", "max_samples": 5, "score": "probe", "debug": True, "json": True}


def test_yaml_and_json_set_every_kind_of_option(write):
    yaml = "models: [a, b]\ndata: x.csv\nmax_samples: 5\nscore: probe\ndebug: true\njson: true\n"
    for path in (write(yaml), write(json.dumps(FULL), "options.json")):
        options = parse("--config", path)
        assert options.models == ["a", "b"]
        assert options.data == ["x.csv"]  # one value where several are allowed
        assert (options.max_samples, options.score, options.debug, options.form) == (5, "probe", True, "json")


def test_the_command_line_wins(write):
    path = write(json.dumps(FULL), "options.json")
    options = parse("c", "--max-samples", "7", f"--config={path}", "--csv", "--data", "y.csv", "z.csv")
    assert (options.models, options.data) == (["c"], ["y.csv", "z.csv"])
    assert (options.max_samples, options.form, options.score) == (7, "csv", "probe")


def test_an_empty_file_and_a_false_flag_change_nothing(write):
    line = ("a", "--data", "x")
    bare = vars(parse(*line)) | {"config": None}
    for text in ("", "debug: false\njson: false\n"):
        assert vars(parse(*line, "--config", write(text))) | {"config": None} == bare


REFUSED = {
    "max_sample: 5": r"unknown key: 'max_sample' \(did you mean max_samples",
    "max-samples: 5": r"'max-samples' \(did you mean max_samples",
    "zzz: 1\nmodel: [a]": r"unknown keys: 'zzz', 'model' \(did you mean models\?\)\. Known are: csv, data, debug, ",
    "config: other.yaml": r"unknown key: 'config'",
    "max_samples: many": r"key 'max_samples' does not accept 'many'",
    "max_samples: [1, 2]": r"key 'max_samples' must be one number or text, found \['1', '2'\]",
    "score: logme": r"key 'score' must be one of knn, probe, found 'logme'",
    "debug: 1": r"key 'debug' must be true or false, found '1'",
    "models: []": r"key 'models' must hold at least one value",
    "data: null": r"key 'data' must be one number or text, found None",
    "json: true\ncsv: true": r"key 'csv' excludes key 'json'",
    "- a\n- b": r"must hold a mapping of options.*found list",
    "a: [": r"does not parse",
    "debug: true\ndebug: false": r"the key 'debug' stands there twice",
}


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_what_an_option_would_refuse_is_a_usage_error(write, capsys, text):
    with pytest.raises(SystemExit) as ended:
        parse("a", "--data", "x", "--config", write(text))
    assert ended.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]  # one line, after the usage
    assert error.startswith("probe: error: --config")
    assert re.search(REFUSED[text], error), error


def test_a_folder_and_a_file_of_another_encoding_are_named(tmp_path, capsys):
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes("score: größe".encode("latin-1"))
    for name, message in (("folder.yaml", "found the folder '"), ("latin.yaml", "latin.yaml' does not parse: ")):
        with pytest.raises(SystemExit):
            parse("a", "--data", "x", "--config", tmp_path / name)
        assert message in capsys.readouterr().err


def test_a_key_that_stands_twice_in_json_is_a_usage_error_too(write, capsys):
    with pytest.raises(SystemExit):
        parse("a", "--data", "x", "--config", write('{"debug": true, "debug": false}', "options.json"))
    assert "the key 'debug' stands there twice" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["options.toml", "nowhere.yaml"])
def test_a_file_of_another_kind_or_none_is_a_usage_error(tmp_path, capsys, name):
    with pytest.raises(SystemExit) as ended:
        parse("a", "--data", "x", "--config", tmp_path / name)
    assert ended.value.code == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(("value", "pushed"), [("true", ""), ("false", None), ("user/name", "user/name")])
def test_an_option_with_or_without_a_value_takes_true_or_the_value(write, value, pushed):
    assert parse("a", "--data", "x", "--config", write(f"push: {value}")).push == pushed


@pytest.mark.parametrize(("text", "region"), [("true", True), ("false", False)])
def test_a_switch_that_is_on_by_default_can_be_turned_off(write, text, region):
    # catches: "false" read as "not given"
    def parser_with_switch():
        parser = argparse.ArgumentParser(prog="probe")
        parser.add_argument("--config")
        parser.add_argument("--trust-region", action=argparse.BooleanOptionalAction)
        return parser

    path = write(f"trust_region: {text}")
    for line, expected in (([], region), (["--trust-region"], True), (["--no-trust-region"], False)):
        parser, arguments = parser_with_switch(), ["--config", path, *line]
        apply_config(parser, arguments)
        assert parser.parse_args(arguments).trust_region is expected


@pytest.mark.parametrize("word", ["off", "Off", "'off'", "no", "false"])
def test_the_word_off_is_understood_where_yaml_reads_false(write, word):
    assert parse("a", "--data", "x", "--config", write(f"estimator: {word}")).estimator == "off"


def test_the_word_off_is_understood_as_false_of_json(write):
    assert parse("a", "--data", "x", "--config", write('{"estimator": false}', "o.json")).estimator == "off"


@pytest.mark.parametrize(("key", "value"), [("estimator", "true"), ("name", "false")])
def test_a_truth_where_a_word_is_wanted_is_answered_with_quotation_marks(write, capsys, key, value):
    with pytest.raises(SystemExit):
        parse("a", "--data", "x", "--config", write(f'{{"{key}": {value}}}', "o.json"))
    assert f"found {value} without quotation marks. Write the word in quotation marks" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["no", "1.10", "010", "2024-01-02", "1:30", "0x1F", "1_000", "yes", "'1.10'", "~x"])
def test_values_of_yaml_are_taken_as_they_are_written(write, text):
    # catches: YAML's own reading, which makes False, 1.1, 8, a date, 90, 31, 1000 and True of these
    assert parse("a", "--data", "x", "--config", write(f"name: {text}")).name == text.strip("'")


@pytest.mark.parametrize(("text", "rate"), [("1e-4", 1e-4), ("5E-5", 5e-5), (".5", 0.5), ("1", 1.0)])
def test_numbers_of_yaml_are_those_of_the_command_line(write, text, rate):
    assert parse("a", "--data", "x", "--config", write(f"rate: {text}")).rate == rate


@pytest.mark.parametrize(("text", "debug"), [("on", True), ("Yes", True), ("off", False), ("no", False)])
def test_flags_take_each_way_to_write_a_truth(write, text, debug):
    assert parse("a", "--data", "x", "--config", write(f"debug: {text}")).debug is debug


def test_lists_and_merged_mappings_of_yaml_are_read(write):
    options = parse("--data", "x", "--config", write("models: [010, 'b']"))
    assert options.models == ["010", "b"]
    merged = read_config(Path(write("base: &b {x: 1}\nk: {<<: *b, y: ~}")))
    assert merged["k"] == {"x": "1", "y": None}


def test_any_of_the_flags_that_share_a_setting_sets_it(write):
    for form in ("json", "csv"):
        assert parse("a", "--data", "x", "--config", write(f"{form}: true")).form == form


def test_a_file_that_is_not_there_is_told_by_its_option(tmp_path):
    with pytest.raises(ValueError, match=r"`config` '.*nofile\.yaml' is no file here"):
        read_config(tmp_path / "nofile.yaml")
