"""Every optimizer of `Trainer` that learned rates work with: its step is proportional to its rate, and it trains."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import TrainerCallback

from tests.trainer.tiny import assert_learned, make_plain_trainer, make_trainer, make_vit

# optimizer -> the package that it comes from
PACKAGES = {
    **dict.fromkeys(["adamw_torch", "adamw_torch_fused", "sgd", "adafactor", "adagrad", "rmsprop"], "torch"),
    **dict.fromkeys(["adamw_bnb_8bit", "lion_8bit", "lion_32bit", "ademamix", "ademamix_8bit"], "bitsandbytes"),
    **dict.fromkeys(["rmsprop_bnb", "rmsprop_bnb_8bit", "paged_adamw_8bit", "paged_lion_32bit"], "bitsandbytes"),
    **dict.fromkeys(["adamw_torch_4bit", "adamw_torch_8bit"], "torchao"),
    **dict.fromkeys(["galore_adamw", "galore_adafactor"], "galore_torch"),
    "apollo_adamw": "apollo_torch",
    "grokadamw": "grokadamw",
    "stable_adamw": "optimi",
}
LOW_RANK = {"optim_target_modules": "all-linear", "optim_args": "rank=4"}

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        "Paged optimizers are not supported on CPU",  # bitsandbytes falls back to its ordinary ones
        "OptimState.bit does not implement",  # torchao
        "This implementation of AdamW is deprecated",  # GaLore and APOLLO bring their own
        ".torch.jit.script_method",
        ".torch.cuda.amp.autocast",  # GrokAdamW
        "CUDA is not available",
        "This overload of add",
    )
]


def settings_of(optim: str) -> dict[str, Any]:
    package = PACKAGES[optim]
    try:
        importlib.import_module(package)
    except ImportError:
        pytest.skip(f"{package} is not installed")
    return {"optim": optim} | (LOW_RANK if package in ("galore_torch", "apollo_torch") else {})


def wide_vit() -> nn.Module:
    return make_vit(dropout=0.0, hidden_size=64, intermediate_size=128)  # 8-bit states begin at 4,096 elements


def second_displacement(folder: Path, lr: float, settings: dict[str, Any]) -> torch.Tensor:
    """The displacement of the second step at some rate, after a first step at another."""
    model = wide_vit()
    trainer = make_plain_trainer(folder, model, max_steps=2, weight_decay=0.1, lr_scheduler_type="constant", **settings)
    before: list[torch.Tensor] = []

    class SetRate(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, **kwargs) -> None:
            before[:] = [parameter.detach().clone() for parameter in model.parameters()]
            for group in trainer.optimizer.param_groups if state.global_step == 1 else ():
                is_tensor = isinstance(group["lr"], torch.Tensor)
                group["lr"] = group["lr"].new_tensor(lr) if is_tensor else lr

    trainer.add_callback(SetRate())
    trainer.train()
    return torch.cat([(now.detach() - old).flatten() for now, old in zip(model.parameters(), before, strict=True)])


@pytest.mark.parametrize("optim", PACKAGES)
def test_the_step_is_proportional_to_the_rate(tmp_path: Path, optim: str) -> None:
    # what hypergradient and rescaling rest on; catches: an optimizer of a new version that takes another kind of step
    settings = settings_of(optim)
    once, twice = (second_displacement(tmp_path, lr, settings) for lr in (1e-3, 2e-3))
    assert once.norm() > 1e-3
    # what is left is float32 rounding of the parameters, 5e-4 of SGD's small displacement
    assert (twice - 2 * once).norm() < 2e-3 * twice.norm()


@pytest.mark.parametrize("optim", PACKAGES)
def test_rates_are_learned(tmp_path: Path, optim: str) -> None:
    trainer = make_trainer(tmp_path, wide_vit(), lr_update="log_adam", **settings_of(optim))
    trainer.train()
    assert_learned(trainer)


def test_the_decay_rate_that_stable_adamw_refers_to_is_not_a_learned_rate(tmp_path: Path) -> None:
    # its group key "max_lr" looks like OneCycleLR's; catches: scaling it with the learned rate, which alters the decay
    pytest.importorskip("optimi")
    decoupled = {"optim": "stable_adamw", "optim_args": "decouple_lr=True,max_lr=0.01"}
    trainer = make_trainer(tmp_path, lr_update="log_adam", **decoupled)
    trainer.train()
    assert_learned(trainer)
    assert {group["max_lr"] for group in trainer.optimizer.param_groups} == {0.01}


no_factories = pytest.mark.skipif(
    importlib.util.find_spec("transformers.trainer_optimizer") is None, reason="not in this Transformers"
)


class MuonFactory:
    """What Transformers calls an optimizer factory; torch's own Muon takes matrices only."""

    def __call__(self, model: nn.Module, lr: float) -> torch.optim.Optimizer:
        matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "layers" in name]
        return torch.optim.Muon(matrices, lr=lr)


@no_factories
@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="not in this torch")
def test_a_factory_that_returns_one_optimizer_trains(tmp_path: Path) -> None:
    muon = (MuonFactory, {"lr": 1e-3})
    trainer = make_trainer(tmp_path, wide_vit(), optimizer_cls_and_kwargs=muon, lr_update="log_adam")
    trainer.train()
    assert list(trainer.learning_rates) == ["layer.0", "layer.1"]  # the rest is in no optimizer
    assert all(lr != 1e-3 for lr in trainer.learning_rates.values())


@no_factories
def test_a_factory_that_returns_no_optimizer_is_refused(tmp_path: Path) -> None:
    class Several:
        def __call__(self, model: nn.Module) -> list[torch.optim.Optimizer]:
            return [torch.optim.SGD(model.parameters(), lr=1e-3)]

    trainer = make_trainer(tmp_path, optimizer_cls_and_kwargs=(Several, {}))
    with pytest.raises(ValueError, match=r"must be a torch\.optim\.Optimizer; found list"):
        trainer.train()
