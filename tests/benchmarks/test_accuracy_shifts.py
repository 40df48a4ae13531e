"""Shifted sets differ from their source in one way only; networks trained on a source keep their head."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.accuracy import run_cell, shifts, sources
from benchmarks.accuracy.assets import Assets
from benchmarks.accuracy.backbones import load_splits, make_network
from benchmarks.accuracy.cell import Cell
from benchmarks.accuracy.splits import SPLITS
from tests.benchmarks.tiny_task import few_x_rays, make_split

NETWORK = "mobilenetv2_32px_on_pneumoniamnist"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shift", shifts.SHIFTS)
def test_a_shift_keeps_form_and_groups_and_changes_either_pixels_or_labels(shift: str, channels: int) -> None:
    split = make_split(12, side=32)
    split = replace(split, inputs=split.inputs[:, :channels])
    found = shifts.shifted(split, shift, classes=3, seed=0)
    assert (found.inputs.dtype, found.inputs.shape) == (torch.uint8, split.inputs.shape)
    assert (found.labels.dtype, found.labels.shape) == (torch.int64, split.labels.shape)
    assert torch.equal(found.groups, split.groups)
    assert torch.equal(found.labels, split.labels) == (shift != "permuted")
    assert torch.equal(found.inputs, split.inputs) == (shift == "permuted")


def test_an_unknown_shift_is_refused() -> None:
    with pytest.raises(ValueError, match="one of inverted, noise, blur, permuted; found 'rotated'"):
        shifts.shifted(make_split(3), "rotated", classes=3, seed=0)


def test_inverting_twice_gives_the_images_back() -> None:
    images = make_split(5).inputs
    assert torch.equal(shifts.inverted(shifts.inverted(images)), images)
    assert shifts.inverted(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [255, 0]


def test_noise_is_drawn_once_and_is_another_one_for_each_image_and_seed() -> None:
    grey = torch.full((4, 1, 32, 32), 127, dtype=torch.uint8)
    once, again, other = shifts.noisy(grey, seed=0), shifts.noisy(grey, seed=0), shifts.noisy(grey, seed=1)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert not torch.equal(once[0], once[1])
    assert once.float().mean().item() == pytest.approx(127, abs=5)
    # Of a normal distribution, 68 % lie within one standard deviation (clipping moves none of them).
    assert ((once.float() - 127).abs() < 255 * shifts.NOISE).float().mean().item() == pytest.approx(0.68, abs=0.03)


def test_blur_leaves_an_even_image_alone_and_spreads_a_point_by_its_width() -> None:
    even = torch.full((2, 3, 32, 32), 93, dtype=torch.uint8)
    assert torch.equal(shifts.blurred(even), even)
    bar = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    bar[..., 16] = 255
    profile = shifts.blurred(bar)[0, 0, 7].double()
    places = torch.arange(32) - 16.0
    assert ((profile * places).sum() / profile.sum()).item() == pytest.approx(0, abs=1e-6)
    width = ((profile * places**2).sum() / profile.sum()).sqrt().item()
    assert width == pytest.approx(32 * shifts.BLUR, rel=0.03)
    upright, lying = shifts.blurred(bar), shifts.blurred(bar.transpose(-1, -2)).transpose(-1, -2)
    assert torch.equal(upright, lying)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_permuted_labels_are_a_bijection_without_fixed_points(classes: int) -> None:
    labels = torch.arange(classes)
    found = shifts.permuted(labels, classes)
    assert sorted(found.tolist()) == labels.tolist()
    assert (found != labels).all()


def test_source_and_pool_share_no_group_and_leave_nothing_out() -> None:
    split = replace(make_split(60), groups=torch.arange(60) // 3)  # three samples each
    source, pool = shifts.divided(split)
    groups = set(source.groups.tolist()), set(pool.groups.tolist())
    assert not groups[0] & groups[1]
    assert len(source) + len(pool) == 60
    assert len(pool) == 3 * round(20 * shifts.POOL)
    assert torch.equal(pool.groups, shifts.divided(split)[1].groups)


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    return few_x_rays(tmp_path_factory.mktemp("assets"))


def test_a_shifted_set_is_its_source_with_other_training_images(assets: Assets) -> None:
    source, negative = (load_splits(NETWORK, f"pneumoniamnist_{part}", assets) for part in ("source", "inverted"))
    for split in ("validation", "test"):
        assert torch.equal(negative[split].inputs, 255 - source[split].inputs)
    assert not set(negative["train"].groups.tolist()) & set(source["train"].groups.tolist())


def test_each_split_has_noise_of_its_own(assets: Assets, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []
    monkeypatch.setattr(shifts, "noisy", lambda images, seed: seeds.append(seed) or images)
    load_splits(NETWORK, "pneumoniamnist_noise", assets)
    assert len(set(seeds)) == len(SPLITS)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[Cell]:
    """Trains sources in two steps, and lists the recipes that were trained."""
    monkeypatch.setattr(sources, "STEPS", {"pneumoniamnist": 2})
    trained: list[Cell] = []
    train = sources._train

    def spy(recipe: Cell, *rest: Any) -> None:
        trained.append(recipe)
        train(recipe, *rest)

    monkeypatch.setattr(sources, "_train", spy)
    return trained


def test_a_network_keeps_the_head_of_its_source_whatever_the_seed(assets: Assets, short: list[Cell]) -> None:
    first, other = (sources.start_network(NETWORK, 2, True, seed, assets) for seed in (0, 1))
    assert [recipe.rate for recipe in short] == list(sources.RATES)  # once each, not once for every run
    kept = load_file(sources.source_weights(NETWORK, assets))
    for network in (first, other):
        assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    assert not torch.equal(kept["classifier.weight"], make_network(NETWORK, 2, True, 0, assets).classifier.weight)
    with pytest.raises(ValueError, match="pretrained must be true"):
        sources.start_network(NETWORK, 2, False, 0, assets)


def test_an_interrupted_source_goes_on_at_the_next_rate(assets: Assets, short: list[Cell], tmp_path: Path) -> None:
    assets = replace(assets, cache=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "RATES", sources.RATES[:1])
        sources.source_weights(NETWORK, assets)
    sources.source_weights(NETWORK, assets)
    assert [recipe.rate for recipe in short] == list(sources.RATES)


@pytest.mark.parametrize("accuracies", [(0.6, 0.7), (0.7, 0.6)])
def test_the_rate_that_does_best_on_validation_is_used(
    accuracies: Sequence[float], assets: Assets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {
        f"{recipe.key}.safetensors": value for recipe, value in zip(sources.recipes(NETWORK), accuracies, strict=True)
    }
    monkeypatch.setattr(sources, "_train", lambda recipe, path, assets: path.touch())
    monkeypatch.setattr(sources, "accuracy", lambda path: known[path.name])
    best = sources.source_weights(NETWORK, replace(assets, cache=tmp_path))
    assert known[best.name] == 0.7


def test_swapped_labels_turn_the_unadapted_score_round(assets: Assets, short: list[Cell]) -> None:
    entries = {"size": 8, "backbone": NETWORK, "method": "unadapted", "rate": None, "seed": 0}
    before, after = (
        run_cell.run_cell(Cell.from_dict(entries | {"dataset": f"pneumoniamnist_{part}"}), assets)["validation"]
        for part in ("source", "permuted")
    )
    assert before["accuracy"] + after["accuracy"] == pytest.approx(1)
