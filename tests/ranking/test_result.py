"""A ranking in all its forms: what is printed is what was measured, and a file comes back as it went."""

import csv
import io
import json
import os
from dataclasses import replace
from typing import Any

import pytest

from hf_metalr.ranking import RankedBackbone, Ranking, Score
from hf_metalr.ranking.notes import make_notes
from hf_metalr.ranking.scoring import H_SCORE, LEEP, NEAREST_NEIGHBOR


def backbone(name: str, value: float | None, group: int, **fields: Any) -> RankedBackbone:
    score = Score(value, None if value is None else value - 0.05, None if value is None else value + 0.05, group)
    layers = {
        "stem": {NEAREST_NEIGHBOR: 0.3, H_SCORE: 0.1},
        "layer.0": {NEAREST_NEIGHBOR: 0.95, H_SCORE: 0.2},
        "last_hidden_state": {NEAREST_NEIGHBOR: value, H_SCORE: 1.5},
    }
    scores = {NEAREST_NEIGHBOR: score, H_SCORE: Score(1.5, 1.25, 1.75, 1)}
    given = {"parameters": 2_500_000, "channels": 64, "prior": None, "is_random": False} | fields
    return RankedBackbone(name=name, scores=scores, layers=layers, **given)


def ranking(*models: RankedBackbone, **fields: Any) -> Ranking:
    made = models or (
        backbone("org/large|wide", 0.9, 1, parameters=90_000_000, prior=0.84),
        backbone("org/middle", 0.88, 1, prior=0.86),
        backbone("org/small", 0.6, 2, parameters=9_000),
    )
    given = {"samples": 200, "classes": 4, "confidence": 0.95, "settings": {"k": 5, "seed": 0}, "notes": ("Few.",)}
    chance = {NEAREST_NEIGHBOR: 0.25, H_SCORE: 0.0}
    return Ranking(models=made, score_names=(NEAREST_NEIGHBOR, H_SCORE), chance=chance, **(given | fields))


def test_the_table_shows_ranks_intervals_layers_size_and_prior():
    lines = str(ranking()).splitlines()
    assert lines[0].split() == (
        ["model", "rank", "k-NN", "accuracy", "H-score", "best", "layer", "mean", "of", "layers", "parameters", "prior"]
    )
    rows = [line.split() for line in lines[1:4]]
    assert rows[0] == (
        [
            "org/large|wide",
            "1-2",
            "90.0%",
            "[85.0%,",
            "95.0%]",
            "1.500",
            "95.0%",
            "layer.0",
            "71.7%",
            "90.0",
            "M",
            "0.84",
        ]
    )
    assert [row[1] for row in rows] == ["1-2", "1-2", "3"]
    assert rows[2][-3:] == ["71.7%", "9,000", "-"] or rows[2][-2:] == ["9,000", "-"]
    text = "\n".join(lines[4:])
    assert "200 samples, 4 classes" in text
    assert "95%" in text
    assert "k-NN accuracy 25.0%, H-score 0.000" in text
    assert "Few." in text
    assert "org/large|wide (by k-NN accuracy) and org/middle (by what is known beforehand): fine-tune both" in text


def test_markdown_escapes_names_and_opens_a_card_section():
    assert "| `org/large\\|wide` | 1-2 |" in ranking().to_markdown()
    section = ranking().card_section()
    assert section.startswith("## Choice of backbone\n")
    assert "200 samples" in section
    assert ranking().to_markdown() in section


def test_csv_holds_every_number():
    made = ranking()
    rows = list(csv.DictReader(io.StringIO(made.to_csv())))
    assert len(rows) == 3 * 3 * 2
    for model in made.models:
        for layer, values in model.layers.items():
            for name, value in values.items():
                (row,) = [r for r in rows if (r["model"], r["layer"], r["score"]) == (model.name, layer, name)]
                assert float(row["value"]) == value
                is_final = layer == "last_hidden_state"
                assert (float(row["low"]) == model.scores[name].low) if is_final else row["low"] == ""
                assert row["parameters"] == str(model.parameters)


def test_best_and_mean_of_layers():
    model = backbone("m", 0.9, 1)
    assert model.best_layer(NEAREST_NEIGHBOR) == ("layer.0", 0.95)
    assert model.mean_over_layers(NEAREST_NEIGHBOR) == pytest.approx((0.3 + 0.95 + 0.9) / 3)
    assert model.best_layer(LEEP) is None
    assert model.mean_over_layers(LEEP) is None
    undefined = backbone("m", None, 1)
    assert undefined.mean_over_layers(NEAREST_NEIGHBOR) == pytest.approx((0.3 + 0.95) / 2)


def test_an_undefined_score_is_a_dash_and_no_dot():
    made = ranking(backbone("a", 0.9, 1), backbone("b", None, 2))
    assert str(made).splitlines()[2].split()[:3] == ["b", "2", "-"]
    (axes,) = made.plot().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a"]
    assert [text.get_text() for text in axes.texts if text.get_text() == "parameters"]  # over their counts


def test_picks_pass_over_random_twins():
    twin = backbone("big (random)", 0.95, 1, parameters=10**9, is_random=True)
    made = ranking(twin, backbone("big", 0.9, 2, parameters=10**9), backbone("small", 0.8, 3))
    assert made.picks() == {"score": "big", "prior": "big"}
    assert "To try: big, the choice by k-NN accuracy and by what is known beforehand." in str(made)


def test_a_file_comes_back_as_it_went(tmp_path):
    made = ranking(backbone("a", 0.1 + 0.2, 1, prior=0.7), backbone("b", None, 2, is_random=True))
    made.save(tmp_path / "deep" / "ranking.json")
    assert Ranking.load(tmp_path / "deep" / "ranking.json") == made
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["ranking.json"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "ranking.json"
    ranking().save(path)
    before = path.read_text()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        replace(ranking(), samples=7).save(path)
    assert path.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["ranking.json"]


def changed(*keys: Any, to: Any) -> str:
    data = ranking().to_dict()
    place = data
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    return json.dumps(data)


def without(key: str) -> str:
    return json.dumps({name: value for name, value in ranking().to_dict().items() if name != key})


MODEL = ("models", 0)
SCORE = (*MODEL, "scores", NEAREST_NEIGHBOR)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a JSON file"),
        ("[" * 100_000, "is not a JSON file"),
        ("[]", "must be a ranking of schema 'hf_metalr.ranking' version 1, found list"),
        (changed("schema", to="other"), "found {'schema': 'other', 'version': 1}"),
        (changed("version", to=2), "'version': 2"),
        (without("chance"), "'chance' is missing"),
        (changed("models", to=[]), "ranks no models"),
        (changed("models", to={}), "a list is expected, found {}"),
        (changed("confidence", to=95), "`confidence` must lie between 0 and 1, found 95"),
        (changed("samples", to=-1), "a count of at least 1 is expected, found -1"),
        (changed("samples", to=True), "a count of at least 1 is expected, found True"),
        (changed(*MODEL, "name", to=3), "a str is expected, found 3"),
        (changed(*MODEL, "prior", to=10**400), "too large"),
        (changed(*MODEL, "prior", to="high"), "a finite number is expected, found 'high'"),
        (changed(*MODEL, "is_random", to=1), "a bool is expected, found 1"),
        (changed(*SCORE, "value", to=float("nan")), "a finite number is expected, found nan"),
        (changed(*SCORE, "low", to=2.0), "has its ends the wrong way round"),
        (changed(*SCORE, "tie_group", to=0), "a count of at least 1"),
        (changed(*MODEL, "scores", "other", to={}), "the score 'other' is none of `score_names`"),
        (changed(*MODEL, "layers", "stem", to=3), "a dict is expected, found 3"),
    ],
)
def test_other_files_are_refused_in_words(content, message, tmp_path):
    path = tmp_path / "ranking.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"ranking\.json") as found:
        Ranking.load(path)
    assert message in str(found.value)


def test_plots_take_a_score_by_name():
    figure = ranking().plot(H_SCORE)
    assert figure.axes[0].get_xlabel().startswith("H-score")
    with pytest.raises(ValueError, match=r"`score` must be one of .*found 'accuracy'"):
        ranking().plot("accuracy")


def notes(*models: RankedBackbone, samples: int = 200, copies: int = 0) -> str:
    chance = {NEAREST_NEIGHBOR: 0.25, H_SCORE: 0.0}
    return " ".join(make_notes(models, (NEAREST_NEIGHBOR, H_SCORE), chance, samples, copies, 0.95))


def test_notes_warn_of_wide_features_chance_ties_and_useless_pretraining():
    clear = (backbone("a", 0.9, 1), backbone("b", 0.6, 2))
    assert notes(*clear) == ""
    assert "Fewer samples (100) than twice the channels of a (64), b (64)" in notes(*clear, samples=100)
    assert notes(*clear, samples=128) == ""
    assert "Not above chance at 95%: c." in notes(*clear, backbone("c", 0.28, 3))
    assert "All models are tied" in notes(backbone("a", 0.9, 1), backbone("b", 0.89, 1))
    twin = backbone("a (random)", 0.89, 1, is_random=True)
    assert "Not ahead of their random twins by k-NN accuracy: a." in notes(clear[0], twin, clear[1])
    assert "twins" not in notes(clear[0], replace(twin, scores=clear[1].scores), clear[1])
    assert notes(*clear, copies=1) == "1 row is left out: an earlier one holds the same input."
    assert "2 rows are left out" in notes(*clear, copies=2)
    assert "Undefined" in notes(clear[0], backbone("d", None, 2))
