"""The ranking example runs on the shipped network and images and writes what it names."""

import importlib.util
from pathlib import Path

from PIL import Image

from hf_metalr import Ranking
from hf_metalr.ranking.scoring import LINEAR_PROBE

EXAMPLE = Path(__file__).parents[2] / "examples" / "rank_backbones.py"


def test_the_example_ranks_a_network_and_its_twin(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("rank_backbones_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ranking = module.main(["--output-dir", str(tmp_path), "--max-samples", "64"])

    assert {model.name for model in ranking.models} == {"MobileNetV2", "MobileNetV2 (random)"}
    assert all(len(model.layers) == 19 for model in ranking.models)
    assert max(m.scores[LINEAR_PROBE].value for m in ranking.models) > ranking.chance[LINEAR_PROBE]
    assert Ranking.load(tmp_path / "ranking.json") == ranking
    assert (tmp_path / "ranking.md").read_text().startswith("## Choice of backbone")
    assert len(list((tmp_path / "features").iterdir())) == 2
    with Image.open(tmp_path / "ranking.png") as picture:
        assert picture.width > 800
    assert str(ranking) in capsys.readouterr().out
