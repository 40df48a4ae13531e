"""The profile: verdicts by their rule, words, tables, and files that are checked before use."""

import dataclasses
import json
import math
import re
from typing import Any

import pytest

from hf_metalr.transferability import LayerTransferability, LossChange, Protocol, TransferabilityProfile
from hf_metalr.transferability.verdicts import verdict


def make_layer(name: str = "layer.0", ratio: float = 4.0, width: float = 0.5, **values: Any) -> LayerTransferability:
    moved = 0.0 if math.isinf(ratio) else 0.1
    defaults = {"is_head": False, "tensors": 3, "draw_spread": 0.01, "relative_drift": 0.02, "angle": 1.5}
    distances = {"distance_from_random": 0.4, "distance_from_pretrained": moved}
    return LayerTransferability(
        **(
            {"name": name, "transferability": ratio, "low": ratio - width, "high": ratio + width}
            | defaults
            | distances
            | values
        )
    )


LAYERS = (
    make_layer("stem", 2.0),
    make_layer("layer.0", 8.0, feature_similarity=0.97, reset_to_pretrained=LossChange(0.3, 0.1, 0.5)),
    make_layer("layer.1", math.inf, width=0.0),
    make_layer("head", 1.0, is_head=True, gradient_ratio=0.25),
)
PROFILE = TransferabilityProfile(LAYERS, "tuned", "start", "5 draws", samples=400, steps=78, learning_rate=1e-3)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (make_layer(ratio=9, is_head=True), "new head"),
        (make_layer(ratio=0.4, width=0.1), "re-initialise"),
        (make_layer(ratio=9, reset_to_random=LossChange(-0.2, -0.3, -0.1)), "re-initialise"),
        (make_layer(ratio=9, reset_to_random=LossChange(-0.2, -0.5, 0.1)), "low rate"),
        (make_layer(ratio=math.inf), "freeze"),
        (make_layer(ratio=2, reset_to_pretrained=LossChange(-0.2, -0.3, -0.1)), "freeze"),
        (make_layer(ratio=2, reset_to_pretrained=LossChange(0.2, -0.1, 0.5)), "tie"),
        (make_layer(ratio=2, reset_to_pretrained=LossChange(0.2, 0.1, 0.5)), "high rate"),
        (make_layer(ratio=2), "high rate"),
        (make_layer(ratio=9), "low rate"),
        (make_layer(ratio=4.4), "tie"),
    ],
)
def test_each_line_of_the_rule(layer, expected) -> None:
    assert verdict(layer, typical=4.0) == expected


def test_a_network_without_a_typical_layer_ties() -> None:
    assert verdict(make_layer(ratio=2), math.nan) == "tie"


def test_the_network_leaves_head_and_unmoved_layers_out() -> None:
    assert PROFILE.transferability == 5.0
    assert PROFILE.typical == pytest.approx(4.0)
    with_head = dataclasses.replace(PROFILE, protocol=Protocol(include_head=True))
    assert with_head.transferability == pytest.approx(11 / 3)


def test_the_recipe_stands_beside_every_t() -> None:
    for text in (str(PROFILE), PROFILE.to_markdown()):
        assert "N = 400 samples, 78 steps, learning rate 0.001, recipe: not given" in text
        assert "T falls with steps × rate" in text
    unknown = TransferabilityProfile(LAYERS, "tuned", "start", "5 draws")
    assert "N = not given samples, not given steps, learning rate not given" in str(unknown)
    header, first = PROFILE.to_csv().splitlines()[:2]
    assert header.endswith("samples,steps,learning_rate,recipe")
    assert first.endswith("400,78,0.001,")


def test_the_table_has_the_columns_that_were_measured() -> None:
    header = PROFILE.to_markdown().splitlines()[0]
    assert header == "| layer | T | interval | drift | angle | grad/weight | CKA | loss if undone | verdict |"
    bare = dataclasses.replace(PROFILE, layers=(LAYERS[0],))
    assert bare.to_markdown().splitlines()[0] == "| layer | T | interval | drift | angle | verdict |"
    (row,) = [line for line in str(PROFILE).splitlines() if line.startswith("layer.0")]
    assert " ".join(row.split()) == "layer.0 8.00 7.50 to 8.50 0.02 1.50° 0.970 +0.300 [+0.100, +0.500] low rate"


def test_the_summary_says_what_the_verdicts_are_and_what_a_tie_is() -> None:
    summary = PROFILE.summary()
    assert "T = 5.00 (mean over 2 layers that moved, without the head; head 1.00)" in summary
    assert "High rate: stem." in summary
    assert "Freeze: layer.1." in summary
    assert "ties" not in summary
    tied = dataclasses.replace(PROFILE, layers=(make_layer("a", 4), make_layer("b", 4.1)))
    assert "Differences inside an interval are ties" in tied.summary()
    assert "(their intervals overlap: a tie)" in tied.summary()


def test_a_saved_profile_comes_back_whole(tmp_path) -> None:
    path = tmp_path / "profile.json"
    full = dataclasses.replace(
        PROFILE,
        protocol=Protocol("all", "after_ratio", True),
        families={"a.weight": "normal 0.02"},
        left_out={"norm": "no weights that count"},
        recipe="AdamW",
        validation_loss=0.3,
        validation_samples=12,
    )
    for profile in (PROFILE, full):
        profile.save(path)
        assert TransferabilityProfile.load(path) == profile
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["schema"], content["version"]) == ("hf_metalr/transferability", 1)
    assert content["layers"][2]["transferability"] == "inf"
    assert [layer["verdict"] for layer in content["layers"]][1:3] == ["low rate", "freeze"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_undefined_comes_back_undefined(tmp_path) -> None:
    nothing = make_layer("a", math.nan, angle=math.nan, relative_drift=math.nan, draw_spread=math.nan)
    path = tmp_path / "profile.json"
    dataclasses.replace(PROFILE, layers=(nothing,), validation_loss=math.inf).save(path)
    loaded = TransferabilityProfile.load(path)
    assert math.isnan(loaded.layers[0].transferability)
    assert loaded.validation_loss == math.inf


def tampered(**changes: Any) -> dict[str, Any]:
    return PROFILE.to_dict() | changes


def tampered_layer(**changes: Any) -> dict[str, Any]:
    content = PROFILE.to_dict()
    content["layers"][0] |= changes
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "must hold a JSON object, found list"),
        (tampered(schema="other"), "must be of schema 'hf_metalr/transferability', version 1, found 'other'"),
        (tampered(version=2), "version 2"),
        (tampered(layers=[]), "'layers' must be a list of at least one object"),
        (tampered(layers=[3]), "'layers' must be a list of at least one object"),
        (tampered(steps=-1), "'steps' must be an integer of at least 0, or null, found '-1'"),
        (tampered(samples=True), "'samples' must be an integer"),
        (tampered(learning_rate="inf"), "'learning_rate' must be a number of at least 0"),
        (tampered(protocol={"tensors": "some"}), "protocol: 'tensors' must be 'weights' or 'all'"),
        (tampered(left_out={"norm": 3}), "'left_out' must be an object of texts"),
        (tampered_layer(name=""), "layer 0: 'name' must be a text"),
        (tampered_layer(name="head"), "'layers' must have different names"),
        (tampered_layer(transferability=-1), "layer 0: 'transferability' must be a number of at least 0"),
        (tampered_layer(transferability=10**400), "'transferability' must be a number"),
        (tampered_layer(transferability=None), "'transferability' must be a number"),
        (tampered_layer(distance_from_pretrained="inf"), "'distance_from_pretrained' must be a finite number"),
        (tampered_layer(low=3.0), "'low' must be a number of at most 'high'"),
        (tampered_layer(angle=200), "'angle' must be a number from 0 to 180"),
        (tampered_layer(feature_similarity=2), "'feature_similarity' must be a number up to 1"),
        (tampered_layer(is_head=1), "'is_head' must be true or false"),
        (tampered_layer(reset_to_random={"change": 1}), "reset_to_random: 'low' must be a number"),
    ],
)
def test_edited_files_are_refused_with_one_clear_error(content, message, tmp_path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        TransferabilityProfile.load(path)


def test_what_is_no_profile_file_is_refused(tmp_path) -> None:
    path = tmp_path / "profile.json"
    with pytest.raises(ValueError, match="is no file"):
        TransferabilityProfile.load(path)
    for text in ("{", "[" * 100_000, "\udcff"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(ValueError, match="is not valid JSON"):
            TransferabilityProfile.load(path)
    with path.open("wb") as file:
        file.truncate(16 * 2**20 + 1)
    with pytest.raises(ValueError, match="must have at most 16777216 bytes"):
        TransferabilityProfile.load(path)


@pytest.mark.parametrize("option", [{"tensors": "some"}, {"average": "never"}, {"include_head": 1}])
def test_unknown_protocol_options_are_refused(option) -> None:
    with pytest.raises(ValueError, match="must be"):
        Protocol(**option)
