"""`hf-metalr evaluate` from data to files, for every task, with real models."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hf_metalr
from hf_metalr.cli import main
from hf_metalr.evaluation.result import Evaluation
from tests.cli.train import QUICK
from tests.inference.test_same_numbers import rows_of
from tests.training.tables import save_images, save_vit

FAST = ("--bootstraps", "30")


def run(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def found(out: Path) -> dict:
    return json.loads((out / "evaluation.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def clinic(images, tmp_path_factory):
    """A table of images with splits, patients and sex."""
    path = tmp_path_factory.mktemp("clinic") / "clinic.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "patient", "sex", "age", "fold"])
        for number, image in enumerate(sorted(images.rglob("*.png"))):
            fold = "validation" if number % 3 == 0 else "test"
            writer.writerow([image, image.parent.name, image.stem[:9], "fm"[number % 2], 20.5 + number, fold])
    return path


def test_what_is_written_of_a_classification(served_models, clinic, tmp_path, capsys):
    out = tmp_path / "out"
    line = (served_models["classes"], "--data", clinic, "--label-column", "label", "--split-column", "fold")
    assert run(*line, "--out", out, *FAST, "--group-column", "patient", "--by", "sex", "age") == 0
    content = found(out)
    assert (content["schema"], content["version"], content["split"]) == ("hf_metalr/evaluation", 1, "test")
    assert set(content["metrics"]) == {"accuracy", "balanced_accuracy", "macro_f1", "auroc"}
    assert all(set(metric) == {"value", "low", "high"} for metric in content["metrics"].values())
    rows = rows_of(out / "rows.csv")
    assert content["rows"] == len(rows) == 16
    accuracy = np.mean([row["truth"] == row["prediction"] for row in rows])
    assert content["metrics"]["accuracy"]["value"] == pytest.approx(accuracy)
    matrix = content["confusion_matrix"]
    assert matrix["classes"] == ["bright", "dark"]
    pairs = [(row["truth"], row["prediction"]) for row in rows]
    assert matrix["matrix"] == [[pairs.count((t, a)) for a in matrix["classes"]] for t in matrix["classes"]]
    assert content["groups"]["name"] == "patient"
    assert {row["group"] for row in rows} == {f"patient{n:02d}" for n in range(12)}
    assert content["operating_points"]["chosen_on"] == content["calibration"]["temperature"]["fitted_on"] == 8
    groups = [(g["column"], g["value"], g["rows"]) for g in content["subgroups"]]
    assert {("sex", "f", 8), ("sex", "m", 8)} < set(groups)
    assert sum(rows for column, _, rows in groups if column == "age") == 16  # divided at the quartiles
    assert {file.name for file in out.iterdir()} == {
        "confusion_matrix.png", "curves.png", "evaluation.html", "evaluation.json", "reliability.png", "rows.csv",
        "worst_errors.png",
    }  # fmt: skip
    wrong = [row for row in rows if row["truth"] != row["prediction"]]
    assert len(content["worst"]) == len(wrong)
    least = min(wrong, key=lambda row: float(row[f"p_{row['truth']}"]))
    assert content["worst"][0]["file"] == least["file"]
    told = capsys.readouterr()
    assert "12 groups of patient: intervals of so few are too narrow" in told.err
    assert "12 groups of patient drawn" in told.out


def test_what_is_evaluated_does_not_touch_what_validation_chooses(served_models, clinic):
    def chosen(**settings):
        result = hf_metalr.evaluate(
            served_models["classes"], clinic, label_column=("label",), split_column="fold", bootstraps=5, **settings
        ).content
        points = [point["threshold"] for point in result["operating_points"]["points"]]
        return [result["calibration"]["temperature"]["value"], *points]

    assert chosen() == chosen(max_samples=6)


def test_the_page_needs_nothing_and_says_what_was_found(served_models, clinic, tmp_path):
    out = tmp_path / "out"
    line = (served_models["classes"], "--data", clinic, "--label-column", "label", "--split-column", "fold")
    assert run(*line, "--out", out, *FAST, "--against", served_models["classes"], "--format", "svg") == 0
    page = (out / "evaluation.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert 'src="http' not in page
    assert page.count('src="data:image/svg+xml') == 3
    assert "default-src 'none'" in page
    for words in ("Confusion matrix", "Operating points", "Worst errors", "Against another model", "p = 1"):
        assert words in page
    content = found(out)
    assert all(d == {"value": 0.0, "low": 0.0, "high": 0.0} for d in content["against"]["differences"].values())


def test_names_of_files_are_no_markup(served_models, images, tmp_path):
    folder = tmp_path / "scans"
    for number, file in enumerate(sorted(images.rglob("*.png"))):
        place = folder / file.parent.name
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place / f"<b>{number}.png")
    assert run(served_models["classes"], "--data", folder, "--out", tmp_path / "out", *FAST) == 0
    assert "<b>1" not in (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")


def test_the_split_of_the_training_gives_the_numbers_of_the_training(tmp_path, capsys):
    scans = save_images(tmp_path / "scans")
    trained = tmp_path / "trained"
    line = ["--model", save_vit(tmp_path / "vit"), "--data", scans, "--output-dir", trained, *QUICK]
    assert main(["train", *map(str, line), "--test-size", "0.4", "--validation-size", "0.2", "--epochs", "3"]) == 0
    capsys.readouterr()
    result = hf_metalr.evaluate(trained, scans, bootstraps=5)
    measured = json.loads((trained / "metrics.json").read_text())["test"]
    assert result.content["split"] == "test"
    for name, metric in result.metrics.items():
        assert metric["value"] == pytest.approx(measured[name], abs=1e-6)
    assert result.content["calibration"]["temperature"]["fitted_on"] == 5  # the validation split alone
    # The same images elsewhere: nothing says which were trained on but their names.
    shutil.copytree(scans, tmp_path / "copy")
    assert run(trained, "--data", tmp_path / "copy", "--out", tmp_path / "out", *FAST) == 0
    assert found(tmp_path / "out")["rows"] == 24


def test_files_that_were_trained_on_are_warned_of(tmp_path, served_models, images, capsys):
    model = shutil.copytree(served_models["classes"], tmp_path / "model")
    names = [{"row": n, "file": f.relative_to(images).as_posix()} for n, f in enumerate(sorted(images.rglob("*.png")))]
    (model / "splits.json").write_text(json.dumps({"source": "elsewhere", "splits": {"train": names}}))
    assert run(model, "--data", images, "--out", tmp_path / "out", *FAST) == 0
    assert "24 of 24 files have the names of files that the model was trained on" in capsys.readouterr().err


def test_several_labels(served_models, images, tmp_path):
    table = tmp_path / "labels.csv"
    rows = [f"{file},{n % 2},{n // 3 % 2},{int(n % 4 == 0)}" for n, file in enumerate(sorted(images.rglob("*.png")))]
    table.write_text("image,mass,nodule,none\n" + "\n".join(rows) + "\n")
    result = hf_metalr.evaluate(
        served_models["labels"], table, label_column=("none", "nodule", "mass"), bootstraps=5, out=tmp_path / "out"
    )
    content = result.to_dict()
    assert content["classes"] == ["mass", "nodule", "none"]  # the model's order, not the data's
    assert [row["support"] for row in content["per_class"]] == [12, 12, 6]
    totals = [sum(matrix[cell] for cell in matrix if cell != "class") for matrix in content["label_matrices"]]
    assert totals == [24, 24, 24]


def test_numbers(served_models, images, tmp_path):
    table = tmp_path / "ages.csv"
    table.write_text("image,age\n" + "".join(f"{f},{20.5 + n}\n" for n, f in enumerate(sorted(images.rglob("*.png")))))
    assert run(served_models["number"], "--data", table, "--label-column", "age", "--out", tmp_path / "out", *FAST) == 0
    content = found(tmp_path / "out")
    rows = rows_of(tmp_path / "out" / "rows.csv")
    errors = np.array([float(row["prediction"]) - float(row["truth"]) for row in rows])
    assert content["metrics"]["rmse"]["value"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-6)
    low, high = content["bland_altman"]["limits_of_agreement"]
    assert high - low == pytest.approx(2 * 1.96 * errors.std(ddof=1), rel=1e-6)
    assert content["worst"][0]["error"] == pytest.approx(errors[np.abs(errors).argmax()], rel=1e-6)
    assert (tmp_path / "out" / "numbers.png").is_file()


def test_masks(served_models, masked, tmp_path):
    assert run(served_models["masks"], "--data", masked, "--out", tmp_path / "out", *FAST) == 0
    content = found(tmp_path / "out")
    matrix = np.array(content["confusion_matrix"]["matrix"])
    assert matrix.sum() == 12 * 32 * 32  # as the model sees them
    dice = 2 * matrix.diagonal() / (matrix.sum(axis=0) + matrix.sum(axis=1))
    assert [row["dice"]["value"] for row in content["per_class"]] == pytest.approx(dice.tolist())
    assert len(content["worst"]) == 12
    worst = [error["mean_dice_foreground"] for error in content["worst"]]
    assert worst == sorted(worst)
    assert (tmp_path / "out" / "dice_by_image.png").is_file()


def test_a_model_of_words_takes_values_of_masks_for_numbers(masked, tmp_path, capsys):
    from tests.inference.models import save_segmenter

    model = save_segmenter(tmp_path / "model", ("ground", "cell"))
    assert run(model, "--data", masked, "--out", tmp_path / "out", *FAST) == 1
    assert "values in its masks that the model does not know: '255'" in capsys.readouterr().err
    data = shutil.copytree(masked, tmp_path / "numbered")
    for file in (data / "masks").iterdir():
        Image.open(file).point(lambda value: value // 255).save(file)
    assert run(model, "--data", data, "--out", tmp_path / "out", *FAST) == 0
    assert "matched with the model's classes by number, 0 = ground, 1 = cell" in capsys.readouterr().err


def test_texts_and_the_saved_temperature(served_models, tmp_path, capsys):
    model = shutil.copytree(served_models["texts"], tmp_path / "model")
    table = tmp_path / "pets.csv"
    texts = [("a cat", "cat"), ("one dog", "dog"), ("two dogs", "dog"), ("cat", "cat"), ("a a", "dog"), ("one", "cat")]
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in texts * 2))
    line = (model, "--data", table, "--validation", table, "--out", tmp_path / "out", *FAST)
    assert main(["predict", str(model), "--data", str(table), "--out", str(tmp_path / "p.csv"), "--calibrated"]) == 1
    assert "needs a model with a temperature" in capsys.readouterr().err
    assert run(*line, "--save-temperature") == 0
    content = found(tmp_path / "out")
    temperature = json.loads((model / "config.json").read_text())["calibration_temperature"]
    assert temperature == pytest.approx(content["calibration"]["temperature"]["value"])
    plain, calibrated = (list(hf_metalr.predict(model, table, calibrated=flag)) for flag in (False, True))
    for one, two in zip(plain, calibrated, strict=True):
        odds = [np.log(row["p_cat"] / row["p_dog"]) for row in (one, two)]
        assert odds[1] == pytest.approx(odds[0] / temperature, rel=1e-4)


def test_the_card_takes_the_metrics(served_models, images, tmp_path):
    from huggingface_hub import ModelCardData

    hf_metalr.evaluate(served_models["classes"], images, bootstraps=5, out=tmp_path / "out")
    results = Evaluation.load(tmp_path / "out").eval_results("Scans of B")
    index = ModelCardData(model_name="mine", eval_results=results).to_dict()["model-index"]
    (entry,) = index[0]["results"]
    assert entry["task"]["type"] == "image-classification"
    assert entry["dataset"]["name"] == "Scans of B"
    stored = {metric["type"]: metric["value"] for metric in entry["metrics"]}
    assert stored["accuracy"] == pytest.approx(found(tmp_path / "out")["metrics"]["accuracy"]["value"], abs=1e-6)
