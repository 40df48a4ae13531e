"""Each rival does what its paper says, shown by what it does to the parameters and the rates."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks.accuracy.methods import METHODS
from benchmarks.accuracy.rivals.blocks import blocks
from benchmarks.accuracy.rivals.controls import mean_learned_rates
from benchmarks.accuracy.rivals.layer_rates import grouped_adamw
from benchmarks.accuracy.rivals.released import ASCEND, DESCEND, SgdLookahead
from hf_metalr.engine.rates import base_lrs, effective_lrs
from hf_metalr.layer_groups import make_layer_groups
from tests.benchmarks.tiny_task import make_task
from tests.trainer.tiny import make_convnext, make_vit, weights

LEARNED = {
    "meta_estimator": "next_batch",
    "lr_update": "log_adam",
    "hyper_lr": 0.1,
    "hyper_lr_decay": math.inf,
    "meta_horizon": 1,
    "trust_region": False,
}


def moved_groups(before: dict[str, Tensor], network: nn.Module) -> set[str]:
    after = weights(network)
    return {
        group.name
        for group in make_layer_groups(network)
        if any(not torch.equal(before[name], after[name]) for name in group.parameter_names)
    }


def test_head_only_moves_the_head_and_no_batch_statistics(tmp_path: Path) -> None:
    network = _WithBatchNorm()
    before = weights(network)
    METHODS["head_only"](make_task(tmp_path, "head_only", network))
    changed = {name for name, value in weights(network).items() if not torch.equal(value, before[name])}
    assert changed == {"head.weight", "head.bias"}


def test_lp_ft_moves_the_backbone_in_its_second_half_only(tmp_path: Path) -> None:
    probed, tuned = _WithBatchNorm(), _WithBatchNorm()
    METHODS["head_only"](make_task(tmp_path, "head_only", probed, steps=2))
    trainer = METHODS["lp_ft"](make_task(tmp_path, "lp_ft", tuned, settings={"head_rate": 1e-3}, rate=1e-4))
    assert trainer.state.global_step == 2
    assert tuned.training
    assert tuned.norm.num_batches_tracked == 2  # of the fine-tuning; the probing froze it
    assert not torch.equal(tuned.body.weight, probed.body.weight)


def test_gradual_unfreezing_goes_from_the_head_to_the_input(tmp_path: Path) -> None:
    one_step, all_steps = make_vit(dropout=0.0), make_vit(dropout=0.0)
    before = weights(one_step)
    METHODS["gradual_unfreezing"](make_task(tmp_path, "gradual_unfreezing", one_step, steps=1))
    METHODS["gradual_unfreezing"](make_task(tmp_path, "gradual_unfreezing", all_steps, steps=12))
    assert moved_groups(before, one_step) == {"head"}
    assert moved_groups(before, all_steps) == {group.name for group in make_layer_groups(all_steps)}


def test_layer_decay_lowers_the_rate_towards_the_input(tmp_path: Path) -> None:
    trainer = METHODS["layer_decay"](make_task(tmp_path, "layer_decay", settings={"decay": 0.5}))
    rates = list(base_lrs(trainer.optimizer.optimizer).values())
    assert rates == pytest.approx([1e-3 * 0.5**depth for depth in reversed(range(len(rates)))])


def test_head_10x_keeps_the_backbone_at_a_tenth(tmp_path: Path) -> None:
    trainer = METHODS["head_10x"](make_task(tmp_path, "head_10x"))
    rates = {round(group["lr"], 10) for group in trainer.optimizer.param_groups}
    assert rates == {1e-3, 1e-4}


def test_auto_rgn_gives_the_full_rate_to_the_largest_relative_gradient(tmp_path: Path) -> None:
    network = make_vit(dropout=0.0)
    with torch.no_grad():
        network.classifier.weight.mul_(1e-3)  # nothing beats a gradient on weights near zero
    trainer = METHODS["auto_rgn"](make_task(tmp_path, "auto_rgn", network, steps=1))
    rates = base_lrs(trainer.optimizer.optimizer)
    assert rates["head"] == pytest.approx(1e-3)
    assert max(rate for name, rate in rates.items() if name != "head") < 0.5e-3


def test_auto_rgn_follows_a_schedule(tmp_path: Path) -> None:
    task = make_task(tmp_path, "auto_rgn", make_vit(dropout=0.0), settings={"schedule": "linear"}, steps=4)
    optimizer = METHODS["auto_rgn"](task).optimizer.optimizer
    assert max(base_lrs(optimizer).values()) == pytest.approx(1e-3)
    assert max(effective_lrs(optimizer).values()) == 0  # after the last step


@pytest.mark.parametrize("block", ["block1", "block4", "head"])
def test_block_only_moves_one_block(block: str, tmp_path: Path) -> None:
    network = make_vit(dropout=0.0, num_hidden_layers=6)
    before = weights(network)
    METHODS["block_only"](make_task(tmp_path, "block_only", network, settings={"block": block}))
    network.requires_grad_(True)  # frozen parameters are in no layer group
    named = blocks([group.name for group in make_layer_groups(network)])
    assert moved_groups(before, network) == set(named[block])


def test_blocks_are_runs_that_cover_every_layer_group_once() -> None:
    groups = [str(number) for number in range(19)]
    named = blocks(groups)
    assert [group for run in named.values() for group in run] == groups
    assert [len(run) for run in named.values()] == [3, 4, 3, 4, 4, 1]
    with pytest.raises(ValueError, match="at least 6 layer groups; found 5"):
        blocks(groups[:5])


def test_an_unknown_block_is_refused(tmp_path: Path) -> None:
    network = make_vit(num_hidden_layers=6)
    with pytest.raises(ValueError, match=r"one of block1, .*, head; found 'block6'"):
        METHODS["block_only"](make_task(tmp_path, "block_only", network, settings={"block": "block6"}))


def test_unadapted_trains_nothing(tmp_path: Path) -> None:
    network = make_vit()
    before = weights(network)
    trainer = METHODS["unadapted"](make_task(tmp_path, "unadapted", network, rate=None))
    assert trainer.state.global_step == 0
    assert not moved_groups(before, network)


def test_l2_sp_pulls_the_backbone_back_and_reports_the_loss_of_the_task(tmp_path: Path) -> None:
    distances, losses = [], []
    for alpha in (0.0, 1000.0):
        network = make_vit(dropout=0.0)
        start = weights(network)
        task = make_task(tmp_path, "l2_sp", network, settings={"alpha": alpha, "beta": 0.0}, steps=12, rate=1e-2)
        trainer = METHODS["l2_sp"](task)
        moved = [value - start[name] for name, value in weights(network).items() if "classifier" not in name]
        distances.append(torch.cat([tensor.flatten() for tensor in moved]).norm().item())
        losses.append(trainer.evaluate(task.train)["eval_loss"])
    assert distances[1] < 0.5 * distances[0]
    assert losses[1] < 5  # not 500 · ‖w − w₀‖²


@pytest.mark.parametrize("sign", [ASCEND, DESCEND])
def test_the_hypergradient_is_that_of_automatic_differentiation_through_the_step(tmp_path: Path, sign: float) -> None:
    """Of θ + α∇L as released, of θ − α∇L as published."""
    network = make_vit(dropout=0.0)
    task = make_task(tmp_path, "released", network)
    batch = {name: torch.stack([torch.as_tensor(task.train[i][name]) for i in range(4)]) for name in task.train[0]}
    meta = {name: torch.stack([torch.as_tensor(task.train[i][name]) for i in range(4, 8)]) for name in task.train[0]}
    network(**batch).loss.backward()
    rates = base_lrs(grouped_adamw(network, 0.05))
    before = weights(network)
    found = SgdLookahead(network, lambda: meta, sign).hypergradients(rates)

    alphas = {name: torch.tensor(rate, requires_grad=True) for name, rate in rates.items()}
    parameters = dict(network.named_parameters())
    group_of = {name: group.name for group in make_layer_groups(network) for name in group.parameter_names}
    ahead = {name: p.detach() + sign * alphas[group_of[name]] * p.grad for name, p in parameters.items()}
    torch.func.functional_call(network, ahead, kwargs=meta).loss.backward()
    assert found == pytest.approx({name: alpha.grad.item() for name, alpha in alphas.items()}, rel=1e-4, abs=1e-7)
    assert all(torch.equal(before[name], value) for name, value in weights(network).items())


def test_replayed_rates_are_constant_and_shuffling_deals_out_the_same_ones(tmp_path: Path) -> None:
    learned = mean_learned_rates(make_task(tmp_path, "replay", settings=LEARNED))
    used = {}
    for method in ("replay", "replay_shuffled", "replay_mean"):
        trainer = METHODS[method](make_task(tmp_path, method, settings=LEARNED))
        used[method] = base_lrs(trainer.optimizer.optimizer)
    assert used["replay"] == pytest.approx(learned)
    assert sorted(used["replay_shuffled"].values()) == pytest.approx(sorted(learned.values()))
    assert used["replay_shuffled"] != pytest.approx(learned)
    product = torch.tensor(list(learned.values()), dtype=torch.float64).log().mean().exp().item()
    assert used["replay_mean"] == pytest.approx(dict.fromkeys(learned, product))


@pytest.mark.parametrize(
    ("ours", "under_trial"),
    [
        ({}, {}),
        ({"meta_horizon": 3, "hyper_lr_decay": 4.0}, {"anchor": "follow", "horizon": 3, "decay_steps": 4.0}),
    ],
)
def test_a_variant_that_the_package_has_is_the_package_s(tmp_path: Path, ours: dict, under_trial: dict) -> None:
    network, variant = make_convnext(), make_convnext()
    METHODS["metalr"](make_task(tmp_path / "a", "metalr", network, settings=LEARNED | ours))
    (tmp_path / "b").mkdir()
    METHODS["variant"](make_task(tmp_path / "b", "variant", variant, settings={"hyper_lr": 0.1} | under_trial))
    assert all(torch.equal(value, weights(variant)[name]) for name, value in weights(network).items())


@pytest.mark.parametrize(
    ("method", "package"),
    [
        ("prodigy", "prodigyopt"),
        ("prodigy_plus", "prodigyplus"),
        ("schedule_free", "schedulefree"),
        ("dog", "dog"),
        ("ldog", "dog"),
        ("mechanic", "mechanic_pytorch"),
        ("gen", "GeN"),
        ("greedy_lr", "transformers"),
        ("meta_optimize", "transformers"),
        ("autogluon", "transformers"),
        ("ultralytics", "transformers"),
        ("lightly_train", "transformers"),
    ],
)
@pytest.mark.filterwarnings("ignore")  # of the packages' own making
def test_rivals_lower_the_loss(tmp_path: Path, method: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    rates = {"schedule_free": 1e-2, "gen": 1e-4, "greedy_lr": 1e-4, "meta_optimize": 1e-4}
    task = make_task(tmp_path, method, steps=40, rate=rates.get(method))
    batch = {name: torch.stack([torch.as_tensor(row[name]) for row in task.train]) for name in task.train[0]}
    with torch.no_grad():
        before = task.network.eval()(**batch).loss.item()
    trainer = METHODS[method](task)
    assert trainer.evaluate(task.train)["eval_loss"] < before


def test_a_setting_that_a_method_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"layer_decay has the settings .*found also \['decoy'\]"):
        METHODS["layer_decay"](make_task(tmp_path, "layer_decay", settings={"decoy": 0.5}))


class _WithBatchNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.head(self.norm(self.body(pixel_values)).relu().mean(dim=(2, 3)))
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else torch.zeros(())
        return {"loss": loss, "logits": logits}
