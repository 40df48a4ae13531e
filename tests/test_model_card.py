"""The card's metadata parse and say what the facts say; what is unknown is left out."""

import dataclasses
import math

import pytest
import yaml
from huggingface_hub import ModelCard

from hf_metalr.model_card import CardFacts, build_model_card

FACTS = CardFacts(
    model_name="chest-xrays",
    initial_lrs={"stem": 1e-4, "layer.0": 1e-4, "head": 1e-3},
    learned_lrs={"stem": 5e-5, "layer.0": 2.5e-4, "head": 1e-3},
    meta_estimator="lookahead",
    settings={"lr_update": "log_adam", "hyper_lr": 0.03},
    model_class="AutoModelForImageClassification",
    base_model="google/mobilenet_v2_1.0_224",
    base_model_text="MobileNetV2, pre-trained.",
    dataset="someone/pneumoniamnist",
    dataset_name="PneumoniaMNIST",
    dataset_text="400 training images.",
    task="image-classification",
    results={"validation": {"auroc": 0.97, "accuracy": 0.9}, "test": {"auroc": 0.95, "accuracy": 0.85}},
    figure_file="learned_rates.png",
    remarks="The plain run did as well.",
    versions={"torch": "2.13.0"},
    license="mit",
)
BARE = CardFacts("bare", {"head": 1e-3}, {"head": 2e-3}, "next_batch")


def metadata(card: ModelCard) -> dict:
    return yaml.safe_load(str(card).split("---\n")[1])


def test_metadata_name_library_tag_base_and_data():
    data = metadata(build_model_card(FACTS))
    assert data["library_name"] == "transformers"
    assert "metalr" in data["tags"]
    assert data["base_model"] == "google/mobilenet_v2_1.0_224"
    assert data["datasets"] == ["someone/pneumoniamnist"]
    assert data["pipeline_tag"] == "image-classification"
    assert data["license"] == "mit"
    assert data["metrics"] == ["roc_auc", "accuracy"]


def test_model_index_holds_each_result_under_its_split():
    (model,) = metadata(build_model_card(FACTS))["model-index"]
    assert model["name"] == "chest-xrays"
    found = {
        (result["dataset"]["split"], metric["type"]): metric["value"]
        for result in model["results"]
        for metric in result["metrics"]
    }
    assert found == {
        ("validation", "roc_auc"): 0.97,
        ("validation", "accuracy"): 0.9,
        ("test", "roc_auc"): 0.95,
        ("test", "accuracy"): 0.85,
    }
    assert {result["dataset"]["name"] for result in model["results"]} == {"PneumoniaMNIST"}


def test_body_holds_rates_results_figure_loading_and_citations():
    text = build_model_card(FACTS).text
    assert "| `stem` | 1.00e-04 | 5.00e-05 | × 0.50 |" in text
    assert "| `layer.0` | 1.00e-04 | 2.50e-04 | × 2.50 |" in text
    assert text.index("`stem`") < text.index("`layer.0`") < text.index("`head`")
    assert "| split | AUROC | Accuracy |" in text
    assert "| test | 0.950 | 0.850 |" in text
    assert "](learned_rates.png)" in text
    assert "AutoModelForImageClassification.from_pretrained(" in text
    assert "look-ahead" in text
    assert "| `hyper_lr` | 0.03 |" in text
    assert "| torch | 2.13.0 |" in text
    assert "arXiv:2206.01408" in text
    assert "arXiv:2212.00399" in text
    assert "The plain run did as well." in text


def test_what_is_unknown_is_left_out():
    card = build_model_card(BARE)
    assert set(metadata(card)) == {"library_name", "tags"}
    assert "## Results" not in card.text
    assert "## Versions" not in card.text
    assert "![" not in card.text
    assert "None" not in str(card)


def test_results_without_a_named_data_set_stay_in_the_text_only():
    card = build_model_card(dataclasses.replace(FACTS, dataset=None, dataset_name=None))
    assert "model-index" not in metadata(card)
    assert "| test | 0.950 | 0.850 |" in card.text


def test_undefined_metric_is_no_machine_readable_result():
    card = build_model_card(dataclasses.replace(FACTS, results={"test": {"auroc": math.nan, "accuracy": 1.0}}))
    ((result,),) = (model["results"] for model in metadata(card)["model-index"])
    assert [metric["type"] for metric in result["metrics"]] == ["accuracy"]
    assert "| test | undefined | 1.000 |" in card.text


@pytest.mark.parametrize("name", ["a: b # c", "- list", "{brace", "'quote\"", "yes", "ends with ---"])
def test_names_that_yaml_would_misread_survive(name):
    facts = dataclasses.replace(FACTS, model_name=name, dataset_name=name)
    (model,) = yaml.safe_load(build_model_card(facts).data.to_yaml())["model-index"]
    assert model["name"] == name
    assert model["results"][0]["dataset"]["name"] == name


def test_bar_in_a_group_name_does_not_break_the_table():
    facts = CardFacts("bar", {"stem|norm": 0.0}, {"stem|norm": 0.0}, "lookahead")
    (row,) = [line for line in build_model_card(facts).text.splitlines() if "stem" in line]
    assert row == "| `stem\\|norm` | 0.00e+00 | 0.00e+00 |  |"


def test_saved_card_loads_again(tmp_path):
    card = build_model_card(FACTS)
    card.save(tmp_path / "README.md")
    loaded = ModelCard.load(tmp_path / "README.md")
    assert loaded.data.to_dict() == card.data.to_dict()
    assert loaded.text == card.text


def test_rates_of_other_groups_are_refused():
    with pytest.raises(ValueError, match=r"same order, found \['head', 'stem'\]"):
        CardFacts("wrong", {"stem": 1.0, "head": 1.0}, {"head": 1.0, "stem": 1.0}, "lookahead")


def test_unknown_estimator_is_refused():
    with pytest.raises(ValueError, match="`meta_estimator` must be one of"):
        dataclasses.replace(BARE, meta_estimator="off")
