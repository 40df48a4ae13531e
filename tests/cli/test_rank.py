"""`hf-metalr rank` on real weights and images: its numbers are the function's, and mistakes leave nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Image
from PIL import Image as Picture

from hf_metalr.cli import main
from hf_metalr.ranking import Ranking, rank_backbones
from tests.cli.models import IMAGES, NETWORK, save_text_model

ROOT = Path(__file__).parents[2]
TEXTS = ["a cat", "one cat", "two cat", "cat", "a dog", "two dogs", "one dog", "dogs"] * 3
# One score, so that a run is quick.
QUICK = ("--scores", "nearest_neighbor_accuracy", "--bootstraps", "100", "--max-samples", "20")


def run(*arguments: object) -> int:
    return main(["rank", *map(str, arguments)])


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Return a table of texts with the words cat and dog as labels."""
    path = tmp_path_factory.mktemp("data") / "pets.csv"
    path.write_text("text,kind\n" + "".join(f"{text},{'cat' if 'cat' in text else 'dog'}\n" for text in TEXTS))
    return path


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return str(save_text_model(tmp_path_factory.mktemp("models") / "bert"))


@pytest.mark.filterwarnings("default:::hf_metalr")
def test_every_option_reaches_the_function(texts, bert, tmp_path, capsys):
    options = {
        "scores": ["linear_probe_accuracy", "nearest_neighbor_accuracy"],
        "batch_size": 5,
        "max_samples": 20,
        "k": 3,
        "folds": 4,
        "bootstraps": 100,
        "confidence": 0.8,
        "random_twins": True,
        "dtype": "bfloat16",
        "seed": 4,
    }
    (tmp_path / "cache").mkdir()
    config = tmp_path / "rank.json"
    config.write_text(
        json.dumps(
            options
            | {"models": [bert], "data": str(texts), "label_column": "kind", "priors": [f"{bert}=0.25"]}
            | {"cache_dir": str(tmp_path / "cache")}
        )
    )
    assert run("--config", config, "--json") == 0
    output = capsys.readouterr()
    assert "classes: 0 = cat, 1 = dog" in output.err
    rows = {"text": TEXTS, "kind": [int("dog" in text) for text in TEXTS]}
    dataset = Dataset.from_dict(rows).cast_column("kind", ClassLabel(names=["cat", "dog"]))
    direct = rank_backbones([bert], dataset, priors={bert: 0.25}, **options)
    assert json.loads(output.out) == json.loads(json.dumps(direct.to_dict()))
    assert list((tmp_path / "cache").iterdir())


def test_each_output_holds_the_same_ranking(texts, bert, tmp_path, capsys):
    saved, drawn = tmp_path / "ranking.json", tmp_path / "ranking.svg"
    assert run(bert, "--data", texts, *QUICK, "--label-column", "kind", "--save", saved, "--plot", drawn) == 0
    ranking = Ranking.load(saved)
    assert capsys.readouterr().out == f"{ranking}\n"
    assert "<svg" in drawn.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"ranking.json", "ranking.svg"}


def test_the_command_line_wins_over_the_file(texts, bert, tmp_path, capsys):
    config = tmp_path / "rank.yaml"
    config.write_text(f"data: {texts}\nlabel_column: kind\nk: 3\nseed: 1\nscores: [nearest_neighbor_accuracy]\n")
    assert run(bert, "--config", config, "--k", 2, "--bootstraps", 100, "--json") == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["k"], settings["seed"]) == (2, 1)


def test_the_documented_config_file_is_understood(tmp_path, capsys):
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    config = tmp_path / "rank.yaml"
    config.write_text(page.split("# rank.yaml: ")[1].split("\n", 1)[1].split("```")[0])
    assert run("--config", config, "--data", "nowhere.csv") == 1  # not 2: every key is known
    assert "--data 'nowhere.csv' does not exist" in capsys.readouterr().err


def program(start: list[str], *arguments: object, command: str = "rank") -> subprocess.CompletedProcess[str]:
    """Run the program as a user does, from another folder than the repository."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("ACCELERATE_USE_CPU", None)  # tests set it, users do not
    line = [sys.executable, *start, command, *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT / "tests", env=environment, capture_output=True, text=True, check=False)


def test_the_console_script_ranks_the_shipped_network():
    script = "import sys; from hf_metalr.cli import main; sys.exit(main())"  # what pip writes into bin/hf-metalr
    done = program(["-c", script], NETWORK, "--random-twins", "--data", IMAGES, *QUICK, "--json")
    assert done.returncode == 0, done.stderr
    ranked = json.loads(done.stdout)  # nothing else stands there
    assert {model["is_random"] for model in ranked["models"]} == {False, True}
    assert ranked["samples"] == 20


def test_two_processes_of_the_module_print_the_table_of_one(texts, bert, capsys):
    arguments = (bert, "--data", texts, "--label-column", "kind", *QUICK, "--csv")
    assert run(*arguments) == 0
    alone = capsys.readouterr().out
    assert alone.startswith("model,")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "hf_metalr"]
    together = program(launcher, *arguments)
    assert together.returncode == 0, together.stderr[-2000:]
    assert together.stdout == alone


def pictures(folder: Path, count: int = 4) -> Path:
    """Write a folder of images of two classes."""
    for number in range(count):
        place = folder / ("sick" if number % 2 else "well")
        place.mkdir(parents=True, exist_ok=True)
        Picture.new("L", (40, 40), 20 * number).save(place / f"{number}.png")
    return folder


def corrupt(folder: Path) -> Path:
    """Write a table of the same images, one of which was cut short."""
    files = sorted(pictures(folder, count=12).rglob("*.png"))
    contents = [path.read_bytes() for path in files]
    contents[5] = contents[5][:45]
    rows = {"image": [{"bytes": content} for content in contents], "label": [path.parent.name for path in files]}
    Dataset.from_dict(rows).cast_column("image", Image()).to_parquet(folder / "images.parquet")
    return folder / "images.parquet"


def findings(folder: Path) -> Path:
    """Write a table of images with one column of 0 and 1 per finding, and another column of numbers."""
    pictures(folder, 12)
    rows = [f"{'sick' if n % 2 else 'well'}/{n}.png,{n % 2},{int(n % 3 == 0)},{n + 7}" for n in range(12)]
    (folder / "findings.csv").write_text("image,mass,fluid,age\n" + "\n".join(rows) + "\n")
    return folder / "findings.csv"


def test_several_label_columns_are_one_task_of_several_labels(tmp_path, capsys):
    table = findings(tmp_path / "findings")
    assert run(NETWORK, "--data", table, "--label-column", "mass", "fluid", "--bootstraps", 100, "--json") == 0
    ranked = json.loads(capsys.readouterr().out)
    assert ranked["settings"]["task"] == "multi-label"
    assert ranked["samples"] == 12


def test_damaged_images_can_be_left_out(tmp_path, capsys):
    assert run(NETWORK, "--data", corrupt(tmp_path / "corrupt"), *QUICK, "--k", 1, "--skip-damaged", "--json") == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["samples"] == 11
    assert "12 rows found = 11 read + 1 left out" in output.err
    assert "left out, 1: it is damaged" in output.err


def test_a_prior_is_an_accuracy(capsys):
    assert run(NETWORK, "--data", IMAGES, "--priors", f"{NETWORK}=71.8") == 2
    assert "argument --priors: must be an accuracy from 0 to 1, 0.718 for 71.8 %" in capsys.readouterr().err


def unlabelled(folder: Path) -> Path:
    folder.mkdir()
    (folder / "texts.csv").write_text("text\na\nb\n")
    return folder


MISTAKES = {
    "nowhere --data {images}": "'nowhere' is neither a folder with a model nor a Hub model",
    "{bert} --data {images}": "bert",
    "{network} --data {texts} --label-column kind": "takes images, but the data set holds texts",
    "{network} --data {unlabelled}": "--label-column must name the column with the labels",
    "{network} --data {corrupt}": "--input-column 'image': 1 of 12 inputs cannot be read: row 5: it is damaged",
    "{network} --data {pictures}": "found 2 with fewer (sick: 2, well: 2). Lower --folds",
    "{network} --data {images} --bootstraps 9": "--bootstraps must be at least 100, found 9",
    "{network} --data {findings} --label-column mass age": "'age' must hold 0 or 1 in every row",
    "{network} --data {images} --label-column image": "--input-column must name the column",
    "{network} --data {images} --scores knn": "knn",
    "{network} --data {images} --priors other=0.5": "--priors must name models that are ranked",
    "{network} --data {images} --plot {folder}/none/ranking.png": "--plot must lie in an existing folder",
    "{network} {network} --data {images}": "twice",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(texts, bert, tmp_path, capsys, arguments):
    (tmp_path / "out").mkdir()
    makers = {"corrupt": corrupt, "findings": findings, "pictures": pictures, "unlabelled": unlabelled}
    made = {name: make(tmp_path / name) for name, make in makers.items() if f"{{{name}}}" in arguments}
    line = arguments.format(network=NETWORK, images=IMAGES, texts=texts, bert=bert, folder=tmp_path / "out", **made)
    capsys.readouterr()
    assert run(*line.split(), "--save", tmp_path / "out" / "ranking.json") == 1
    output = capsys.readouterr()
    assert output.out == ""
    last = output.err.splitlines()[-1]
    assert last.startswith("hf-metalr rank: error: ")
    assert MISTAKES[arguments] in last
    assert "Traceback" not in output.err
    assert not list((tmp_path / "out").iterdir())
