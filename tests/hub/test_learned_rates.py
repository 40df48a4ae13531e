"""`metalr.json`: what is written comes back, and what a stranger may have written is checked."""

import copy
import json
import math
from pathlib import Path

import pytest

from hf_metalr.hub import LayerRate, LearnedRates
from hf_metalr.hub.learned_rates import MOST_BYTES
from hf_metalr.hub.locate import is_hub_id, is_model_id, locate

RATES = LearnedRates(
    layer_groups=(
        LayerRate("embeddings", False, False, 3184, 1e-3, 2e-4, 2.5e-4),
        LayerRate("layer.0", False, True, 2224, 1e-3, 1e-3, 1e-3),
        LayerRate("head", True, False, 51, 1e-3, 5e-3, 4e-3),
    ),
    meta_estimator="lookahead",
    lr_update="log_adam",
    optimizer="AdamW",
    steps=780,
    seed=42,
    settings={"hyper_lr": 0.03, "layer_groups": "block", "bf16": True, "meta_split": None},
    versions={"torch": "2.13.0"},
    library="transformers",
    model_class="ViTForImageClassification",
    base_model="google/vit-base-patch16-224",
    task="image-classification",
    num_labels=2,
    results={"test": {"accuracy": 0.9}},
    train_seconds=12.5,
    metalr_seconds=0.5,
)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    RATES.save(tmp_path / "metalr.json")
    assert LearnedRates.load(tmp_path / "metalr.json") == RATES
    bare = LearnedRates(RATES.layer_groups[:1], "next_batch", "proportional", "SGD", 0, 0)
    bare.save(tmp_path / "metalr.json")
    assert LearnedRates.load(tmp_path / "metalr.json") == bare


def test_the_documented_example_is_read() -> None:
    from hf_metalr.hub.learned_rates import parse

    text = (Path(__file__).parents[2] / "docs" / "learned-rates.md").read_text(encoding="utf-8")
    example = json.loads(text.split("```json\n")[1].split("```")[0])
    rates = LearnedRates(**parse(example, "the example"))
    assert set(example) == set(rates.to_dict())  # the document knows every key
    assert set(example["layer_groups"][0]) == set(rates.to_dict()["layer_groups"][0])


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (["schema"], "hf_metalr/transferability", "must be of schema 'hf_metalr/learned_rates', version 1, found 'hf_"),
        (["version"], 2, "found 'hf_metalr/learned_rates', version 2. Install the hf_metalr that wrote it"),
        (["version"], None, "version None"),
        (["layer_groups"], [], "'layer_groups' must be a list of at least one object, found '[]'"),
        (["layer_groups", 1, "name"], "embeddings", "'layer_groups' must have different names"),
        (["layer_groups", 0, "name"], "a\nb", "'name' must be a text of 1 to 300 characters in one line"),
        (["layer_groups", 0, "name"], "", "'name' must be a text"),
        (["layer_groups", 0, "held"], 0, "layer group 0: 'held' must be true or false, found '0'"),
        (["layer_groups", 0, "parameters"], 0, "'parameters' must be an integer of at least 1"),
        (["layer_groups", 0, "late_lr"], -1e-9, "'late_lr' must be a number from 0 to 1000, found '-1e-09'"),
        (["layer_groups", 0, "late_lr"], 1001, "'late_lr' must be a number from 0 to 1000"),
        (["layer_groups", 0, "late_lr"], math.nan, "'late_lr' must be a number from 0 to 1000"),
        (["layer_groups", 0, "late_lr"], "inf", "'late_lr' must be a number from 0 to 1000"),
        (["layer_groups", 0, "last_lr"], True, "'last_lr' must be a number"),
        (["layer_groups", 0, "first_lr"], 10**400, "'first_lr' must be a number"),
        (["meta_estimator"], "off", "'meta_estimator' must be 'lookahead' or 'next_batch', found 'off'"),
        (["meta_estimator"], ["lookahead"], "'meta_estimator' must be"),
        (["library"], "keras", "'library' must be 'transformers' or 'peft' or null"),
        (["steps"], -1, "'steps' must be an integer of at least 0"),
        (["seed"], 1.5, "'seed' must be an integer"),
        (["settings", "hyper_lr"], [1], "'settings' must be an object of numbers"),
        (["settings", "hyper_lr"], math.inf, "'settings' must be an object of numbers"),
        (["versions", "torch"], 2, "'versions' must be an object of texts"),
        (["results", "test", "accuracy"], math.nan, "'results' must be"),
        (["results", "test"], 1, "'results' must be"),
        (["base_model"], 7, "'base_model' must be a text"),
        (["train_seconds"], -1, "'train_seconds' must be a finite number"),
        (["num_labels"], 0, "'num_labels' must be an integer of at least 1, or null"),
        (["metalr_seconds"], "nan", "'metalr_seconds' must be a finite number"),
    ],
)
def test_values_that_cannot_be_are_refused(tmp_path: Path, where: list, value: object, message: str) -> None:
    content = copy.deepcopy(json.loads(json.dumps(RATES.to_dict())))
    inner = content
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    path = tmp_path / "metalr.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"metalr\.json") as caught:
        LearnedRates.load(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", sorted(RATES.to_dict().keys() - {"model_class", "base_model", "task", "dataset"}))
def test_no_key_may_be_missing(tmp_path: Path, key: str) -> None:
    content = RATES.to_dict()
    del content[key]
    (tmp_path / "metalr.json").write_text(json.dumps(content), encoding="utf-8")
    if key in (
        "dataset_name",
        "library",
        "loaded_by",
        "train_seconds",
        "metalr_seconds",
        "num_labels",
    ):  # null where it is unknown
        assert getattr(LearnedRates.load(tmp_path / "metalr.json"), key) is None
    else:
        with pytest.raises(ValueError, match=f"{key!r} must be|must be of schema"):
            LearnedRates.load(tmp_path / "metalr.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "must hold a JSON object, found list"),
        (b"\xff", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b" " * (MOST_BYTES + 1), "must have at most 4194304 bytes, found 4194305"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "metalr.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        LearnedRates.load(tmp_path / "metalr.json")


def test_what_would_not_be_read_is_not_written(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="'steps' must be"):
        replace(RATES, steps=-1).save(tmp_path / "metalr.json")
    assert not list(tmp_path.iterdir())


def test_paths_are_told_from_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("alice/scans")
    (tmp_path / "alice" / "scans").mkdir(parents=True)
    assert not is_hub_id("alice/scans")  # what exists is meant
    windows = ("C:\\x", "C:/x", "C:x/y", "runs\\scans", ".\\runs\\scans", "\\\\server\\share", "alice/sc\\ans")
    for path in ("./alice/x", "../alice/x", "/alice", "a/b/c", "alice/", "", "alice/scans\n", *windows):
        assert not is_hub_id(path), path
        assert not is_model_id(path), path
    assert not is_hub_id("scans")
    assert not is_hub_id("alice/rates.json")
    assert is_model_id("bert-base-uncased")  # the Hub has old models without a user
    assert not is_model_id("alice")  # a folder here
    with pytest.raises(ValueError, match=r"is a folder without metalr\.json"):
        locate("alice/scans")
    RATES.save(tmp_path / "alice" / "scans" / "metalr.json")
    assert locate("alice/scans") == Path("alice/scans/metalr.json")


def test_the_hub_is_not_asked_when_offline() -> None:
    with pytest.raises(ValueError, match=r"the Hub cannot be reached and metalr\.json is not in the cache"):
        locate("alice/never-seen")
