"""Columns that need data: against slow twins; the model is left as it was."""

import math
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hf_metalr.transferability import transferability_profile
from tests.trainer.tiny import Images, Texts, make_bert, make_convnext, make_vit
from tests.transferability.small import make_mlp, moved

VALIDATION = Images(24, seed=5)


class Named(nn.Module):
    """The small network with a name for its input, as batches have it."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.layers = make_mlp(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def batches(count: int = 3, size: int = 8) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        {"x": torch.randn(size, 6, generator=generator), "labels": torch.randint(3, (size,), generator=generator)}
        for _ in range(count)
    ]


def loss_of(model: nn.Module, reduction: str = "mean") -> torch.Tensor:
    logits = torch.cat([model(batch["x"]) for batch in batches()])
    return F.cross_entropy(logits, torch.cat([batch["labels"] for batch in batches()]), reduction=reduction)


@pytest.fixture
def ends() -> tuple[nn.Module, nn.Module, nn.Module]:
    start, random = Named().eval(), Named(8).eval()
    tuned = moved(start, 0.2).eval()
    with torch.no_grad():
        tuned.layers[1].running_mean.add_(0.3)
    return tuned, start, random


def test_resetting_a_layer_is_the_model_with_the_other_values(ends) -> None:
    tuned, start, random = ends
    profile = transferability_profile(tuned, start, random, data=batches())
    assert profile.validation_loss == pytest.approx(loss_of(tuned).item(), rel=1e-6)
    assert profile.validation_samples == 24
    columns = {layer.name: layer for layer in profile.layers}
    for other, column in ((start, "reset_to_pretrained"), (random, "reset_to_random")):
        twin = moved(tuned, 0.0)
        twin.layers[3].load_state_dict(other.layers[3].state_dict())
        change = getattr(columns["layer.3"], column)
        assert change.change == pytest.approx((loss_of(twin) - loss_of(tuned)).item(), abs=1e-6)
        assert change.low < change.change < change.high
    assert columns["head"].reset_to_random is None  # new at both ends


def test_statistics_of_a_norm_go_with_its_layer() -> None:
    # with parameters alone the reset model would mix old weights with new statistics
    start = make_convnext()  # no batch norm: nothing but parameters
    tuned = moved(start, 0.0)
    profile = transferability_profile(tuned, start, data=VALIDATION, random_draws=1)
    assert all(layer.reset_to_pretrained.change == 0 for layer in profile.body)
    start, tuned = Named(), Named()
    with torch.no_grad():
        tuned.layers[1].running_mean.add_(1.0)
        tuned.layers[1].weight.add_(0.5)
    groups = {r"layers\.[01]\.": "first"}
    profile = transferability_profile(tuned, start, data=batches(), layer_groups=groups)
    undone = next(layer for layer in profile.layers if layer.name == "first").reset_to_pretrained
    assert undone.change == pytest.approx((loss_of(start.eval()) - loss_of(tuned.eval())).item(), abs=1e-6)


def test_gradient_ratio_is_that_of_the_model_before_training(ends) -> None:
    tuned, start, random = ends
    profile = transferability_profile(tuned, start, random, data=batches())
    loss_of(start).backward()
    for layer, index in (("layer.3", 3), ("head", 5)):
        parameters = list(start.layers[index].parameters())
        gradient = math.sqrt(sum(parameter.grad.square().sum().item() for parameter in parameters))
        weight = math.sqrt(sum(parameter.detach().square().sum().item() for parameter in parameters))
        found = next(row for row in profile.layers if row.name == layer).gradient_ratio
        assert found == pytest.approx(gradient / weight, rel=1e-5)


def test_features_are_alike_only_where_nothing_moved() -> None:
    start = make_vit()
    tuned = moved(start, 0.0)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if re.search(r"layers?\.1\.", name):  # its name depends on the version of Transformers
                parameter.add_(0.5 * torch.randn_like(parameter))
    profile = transferability_profile(tuned, start, data=VALIDATION, random_draws=1)
    similarity = {layer.name: layer.feature_similarity for layer in profile.layers}
    assert similarity["embeddings"] == similarity["layer.0"] == pytest.approx(1)
    assert similarity["layer.1"] < 0.99


def test_the_model_its_mode_and_the_random_stream_are_left_as_they_were() -> None:
    start = Named()
    tuned = moved(start, 0.1).train()
    tuned.layers[0].eval()
    tuned.layers[3].requires_grad_(False)
    before = {name: value.clone() for name, value in tuned.state_dict().items()}
    modes = [module.training for module in tuned.modules()]
    stream = torch.get_rng_state()
    profile = transferability_profile(tuned, start, data=batches(), random_draws=1)
    assert all(layer.gradient_ratio > 0 for layer in profile.layers)  # of the frozen layer, too: would it move?
    assert all(torch.equal(value, before[name]) for name, value in tuned.state_dict().items())
    assert [module.training for module in tuned.modules()] == modes
    assert all(parameter.grad is None for parameter in tuned.parameters())
    assert not tuned.layers[3].weight.requires_grad
    assert torch.equal(torch.get_rng_state(), stream)


def test_an_error_in_the_middle_restores_the_layer_too() -> None:
    start = Named()
    tuned = moved(start, 0.1)
    before = {name: value.clone() for name, value in tuned.state_dict().items()}
    calls = []

    def failing(model: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 9:  # three of the model itself, three of the gradient, then in the middle of a reset
            raise RuntimeError("bad sample")
        return F.cross_entropy(model(batch["x"]), batch["labels"], reduction="none")

    with pytest.raises(RuntimeError, match="bad sample"):
        transferability_profile(tuned, start, data=batches(), loss=failing, random_draws=1)
    assert all(torch.equal(value, before[name]) for name, value in tuned.state_dict().items())


def test_a_head_that_the_checkpoint_lacks_starts_random() -> None:
    # with the fine-tuned head the "gradient before training" would be that of a trained one
    start, tuned = make_vit(num_labels=5), moved(make_vit(), 0.3)
    profile = transferability_profile(tuned, start, data=VALIDATION, random_draws=1)
    assert all(layer.gradient_ratio > 0 for layer in profile.layers)
    assert "head" in profile.left_out


def test_text_and_every_default_loss() -> None:
    start = make_bert()
    profile = transferability_profile(moved(start, 0.05), start, data=Texts(12), random_draws=1, batch_size=5)
    assert profile.validation_samples == 12
    x = torch.randn(8, 6)
    model = Named().eval()
    logits = model(x).detach()
    for labels, expected in (
        (torch.ones(8, 3), F.binary_cross_entropy_with_logits(logits, torch.ones(8, 3))),
        (torch.full((8, 3), 0.5), F.mse_loss(logits, torch.full((8, 3), 0.5))),
    ):
        found = transferability_profile(model, Named(), data=[{"x": x, "labels": labels}], random_draws=1)
        assert found.validation_loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must hold batches of named tensors"),
        ([torch.ones(2)], "must hold batches of named tensors"),
        ({"x": torch.ones(2)}, "Put a single batch into a list"),
        (5, "`data` must be a map-style data set or an iterable"),
        ([{"x": torch.ones(2, 6)}], "must have a tensor of 'labels'"),
        ([{"x": torch.ones(2, 6), "labels": torch.ones(2, 5)}], "`loss` must be given for labels of shape"),
    ],
)
def test_unusable_data_are_refused(data, message) -> None:
    with pytest.raises(ValueError, match=message):
        transferability_profile(moved(Named(), 0.1), Named(), data=data, random_draws=1)


def test_a_mean_for_a_loss_and_values_for_a_model_are_refused() -> None:
    with pytest.raises(ValueError, match="one number per sample"):
        transferability_profile(
            moved(Named(), 0.1), Named(), data=batches(), loss=lambda model, batch: model(batch["x"]).mean()
        )
    with pytest.raises(ValueError, match="`data` needs a model to run"):
        transferability_profile(moved(Named(), 0.1).state_dict(), Named(), data=batches())
