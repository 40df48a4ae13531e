"""A head that came with the weights: how it is told, and the rule that finds the layers that new data do not fit."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from hf_metalr import UNSTATED, MetaLR, MetaLRConfig
from hf_metalr.engine.kept_head import COMMON_RANGE, DEVIATION_RANGE, DEVIATION_STEPS, KeptHeadRule, heads_are_kept
from hf_metalr.engine.measurement import Measurement
from hf_metalr.equations import Bounds
from hf_metalr.layer_groups import make_layer_groups

LAYERS = [f"layer.{index}" for index in range(8)]
REGION = dict.fromkeys([*LAYERS, "head"], Bounds(1e-4 / DEVIATION_RANGE, 1e-3))


def _rule() -> KeptHeadRule:
    rule = KeptHeadRule(0.2, 20.0, ["head"])
    rule.region = REGION
    return rule


def _run(rule: KeptHeadRule, steps: int, agreement, start: float = 1e-3) -> dict[str, float]:
    lrs = dict.fromkeys([*LAYERS, "head"], start)
    for step in range(steps):
        measured = {name: Measurement(agreement(name, step), 1.0, 1.0, 1.0) for name in lrs}
        lrs = rule.propose(lrs, measured)
    return lrs


def _early_layers_agree(name: str, step: int) -> float:
    return -0.2 if name in LAYERS[:3] else 0.05


def test_layers_whose_steps_help_keep_their_rate_and_the_others_fall() -> None:
    lrs = _run(_rule(), DEVIATION_STEPS, _early_layers_agree)
    assert lrs["layer.0"] == pytest.approx(1e-3)
    assert lrs["layer.7"] < 1e-4  # below what a new head's rule lets a rate fall to
    assert lrs["head"] < 1e-4


def test_after_the_first_steps_the_proportions_between_layers_stay() -> None:
    # catches: deviations that go on when batches are seen again; rates at their bound that others catch up with
    rule = _rule()
    lrs = _run(rule, DEVIATION_STEPS, _early_layers_agree)
    ratio = lrs["layer.7"] / lrs["layer.0"]
    for step in range(30):
        # All agree: the scale would rise, but the highest rate is at its bound.
        lrs = rule.propose(lrs, {name: Measurement(-0.3, 1.0, 1.0, 1.0) for name in lrs})
        assert max(lrs.values()) <= 1e-3 * (1 + 1e-9)
        assert lrs["layer.7"] / lrs["layer.0"] == pytest.approx(ratio), step


def test_the_scale_falls_to_a_sixth_and_no_further() -> None:
    # catches: all rates that fall by the room that is there for the deviations of some
    lrs = _run(_rule(), 200, lambda name, step: 0.3)
    assert max(lrs.values()) == pytest.approx(1e-3 / COMMON_RANGE)


def test_no_deviation_takes_a_rate_below_min_lr() -> None:
    # catches: the room below that takes no notice of what the user has set
    network = _network()
    config = MetaLRConfig(kept_head=True, min_lr=1e-4)
    engine = MetaLR(network, torch.optim.AdamW(network.parameters(), lr=UNSTATED), config=config)
    assert min(bounds.low for bounds in engine.lr_bounds.values()) == 1e-4


def test_one_layer_alone_is_not_believed() -> None:
    # catches: no smoothing over depth
    lrs = _run(_rule(), 3, lambda name, step: -0.2 if name == "layer.4" else 0.0)
    assert lrs["layer.3"] == pytest.approx(lrs["layer.5"])
    assert lrs["layer.3"] > lrs["layer.0"]


def _network() -> ResNetForImageClassification:
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", num_labels=3)
    return ResNetForImageClassification(config)


def _loaded(folder: Path, classes: int) -> ResNetForImageClassification:
    found = ResNetForImageClassification.from_pretrained(folder, num_labels=classes, ignore_mismatched_sizes=True)
    assert isinstance(found, ResNetForImageClassification)
    return found


def test_a_head_that_was_loaded_is_told_from_one_that_was_drawn(tmp_path: Path) -> None:
    # catches: a bias that is not zero taken for training (torch's own initialiser draws biases, and so does ResNet's)
    network = _network()
    assert not heads_are_kept(network, make_layer_groups(network))
    network.save_pretrained(tmp_path)
    for classes, kept in ((3, True), (4, False)):
        again = _loaded(tmp_path, classes)
        assert heads_are_kept(again, make_layer_groups(again)) is kept


def test_a_head_that_was_saved_as_it_was_drawn_is_new(tmp_path: Path) -> None:
    network = _network()
    network.classifier[1].bias.data.zero_()
    network.save_pretrained(tmp_path)
    again = _loaded(tmp_path, 3)
    assert not heads_are_kept(again, make_layer_groups(again))


def _trained(engine: MetaLR, network: nn.Module, steps: int) -> None:
    torch.manual_seed(1)
    for _ in range(steps):
        engine.optimizer.zero_grad()
        network(torch.randn(4, 3, 32, 32), labels=torch.tensor([0, 1, 2, 0])).loss.backward()
        engine.optimizer.step()


def test_a_kept_head_has_the_bounds_of_the_body_and_more_room_below() -> None:
    network = _network()
    kept = MetaLR(network, torch.optim.AdamW(network.parameters(), lr=UNSTATED), config=MetaLRConfig(kept_head=True))
    network = _network()
    new = MetaLR(network, torch.optim.AdamW(network.parameters(), lr=UNSTATED))
    stem = next(iter(new.lr_bounds))
    assert kept.lr_bounds["head"] == kept.lr_bounds[stem]
    assert kept.lr_bounds[stem].low == pytest.approx(new.lr_bounds[stem].low / DEVIATION_RANGE)
    assert set(kept.learning_rates.values()) == {kept.lr_bounds[stem].high / 2}


def test_a_rate_that_is_stated_starts_within_the_bounds_without_deviations() -> None:
    # catches: the room below used for the start, from where a scale takes long to come home
    network = _network()
    config = MetaLRConfig(kept_head=True)
    engine = MetaLR(network, torch.optim.AdamW(network.parameters(), lr=1e-7), config=config)
    for name, lr in engine.learning_rates.items():
        assert lr == pytest.approx(engine.lr_bounds[name].low * DEVIATION_RANGE)


def test_without_a_trust_region_the_head_makes_no_difference() -> None:
    network = _network()
    engine = MetaLR(network, torch.optim.SGD(network.parameters(), lr=1e-3), config=MetaLRConfig(kept_head=True))
    assert not engine.config.kept_head
    assert not isinstance(engine._rule, KeptHeadRule)


@pytest.mark.parametrize("kept", [True, False])
def test_a_resumed_run_goes_on_as_it_began_whatever_its_head_looks_like_now(kept: bool) -> None:
    network = _network()
    config = MetaLRConfig(kept_head=kept)
    engine = MetaLR(network, torch.optim.AdamW(network.parameters(), lr=UNSTATED), config=config)
    _trained(engine, network, 4)
    # Copied, as by a file: torch and the engine hand out their own tensors.
    state, optimizer_state = deepcopy((engine.state_dict(), engine.optimizer.state_dict()))
    again = _network()
    again.load_state_dict(network.state_dict())
    optimizer = torch.optim.AdamW(again.parameters(), lr=UNSTATED)
    resumed = MetaLR(again, optimizer, config=replace(config, kept_head=not kept))
    optimizer.load_state_dict(optimizer_state)
    resumed.load_state_dict(state)
    assert resumed.config.kept_head is kept
    assert resumed.lr_bounds == engine.lr_bounds
    for each, model in ((engine, network), (resumed, again)):
        _trained(each, model, 2)
    assert resumed.learning_rates == pytest.approx(engine.learning_rates)
    assert resumed._rule.state_dict() == engine._rule.state_dict()


def test_a_kept_head_needs_the_log_adam_rule() -> None:
    with pytest.raises(ValueError, match=r"kept_head.*log_adam"):
        MetaLRConfig(kept_head=True, lr_update="proportional")
