"""The random end: the model's own initialiser, a factory, reset_parameters, or the closed form."""

import pytest
import torch
from torch import nn

from hf_metalr.transferability import transferability_profile
from hf_metalr.transferability.families import fit_family
from tests.trainer.tiny import make_vit
from tests.transferability.small import make_mlp, moved

START = make_mlp()
TUNED = moved(START, 0.01)


def t_of(profile) -> dict[str, float]:
    return {layer.name: layer.transferability for layer in profile.layers}


def test_draws_repeat_with_the_seed_and_differ_among_each_other() -> None:
    first, again, other = (transferability_profile(TUNED, START, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert t_of(first) != t_of(other)
    assert all(layer.draw_spread > 0 for layer in first.layers)


def test_more_draws_bring_the_mean_nearer_to_the_expectation() -> None:
    exact = t_of(transferability_profile(TUNED, START, "expectation"))
    many = t_of(transferability_profile(TUNED, START, random_draws=200))
    assert many == pytest.approx(exact, rel=0.015)


def test_a_factory_and_the_modules_own_reset_agree_in_distribution() -> None:
    reset = t_of(transferability_profile(TUNED, START, random_draws=100))
    made = t_of(transferability_profile(TUNED, START, make_mlp_unseeded, random_draws=100))
    assert made == pytest.approx(reset, rel=0.03)


def make_mlp_unseeded() -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)
    )


def test_transformers_draw_by_their_config() -> None:
    # a class's own initialiser heeds initializer_range; torch's reset_parameters does not
    start = make_vit(initializer_range=0.3)
    tuned = moved(start, 0.01)
    drawn = transferability_profile(tuned, start, random_draws=2)
    closed = transferability_profile(tuned, start, "expectation")
    assert "2 draws of the initialiser of ViTForImageClassification" in drawn.random
    assert t_of(closed) == pytest.approx(t_of(drawn), rel=0.1)
    scales = [float(family.split()[1]) for name, family in closed.families.items() if "layers" in name]
    assert scales == pytest.approx([0.3] * len(scales), rel=0.15)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("normal", lambda x: nn.init.normal_(x, std=0.02)),
        ("normal", lambda x: nn.init.trunc_normal_(x, std=0.02)),  # cut at ±2, a hundred standard deviations
        ("truncated normal", lambda x: nn.init.trunc_normal_(x, std=0.02, a=-0.04, b=0.04)),
        ("uniform", lambda x: nn.init.kaiming_uniform_(x, a=5**0.5)),
        ("constant", lambda x: nn.init.ones_(x)),
        ("constant", lambda x: x.copy_(torch.arange(x.numel()).reshape(x.shape))),
        ("drawn", lambda x: nn.init.normal_(x, mean=1.0)),
    ],
)
@pytest.mark.parametrize("shape", [(64, 32), (768, 768)])
def test_each_initialiser_is_taken_for_its_family(name, draw, shape) -> None:
    first, second = draw(torch.empty(shape)), draw(torch.empty(shape))
    family = fit_family(first, second)
    assert family.name == name
    b = torch.randn(shape) * 0.03
    assert family.expected_distances(b).mean().item() == pytest.approx((first - b).abs().mean().item(), rel=0.05)


class OwnParameter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.fc = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(4))


def test_parameters_without_a_reset_ask_for_a_factory() -> None:
    start = OwnParameter()
    with pytest.raises(ValueError, match=r"without reset_parameters \(scale\).*Pass a function"):
        transferability_profile(moved(start, 0.1), start)
    assert transferability_profile(moved(start, 0.1), start, OwnParameter).random == "5 draws of the given factory"


def test_values_alone_cannot_be_drawn_anew() -> None:
    with pytest.raises(ValueError, match="`random` must be given where both ends are state dicts"):
        transferability_profile(TUNED.state_dict(), START.state_dict())


def test_a_random_end_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`random` must have every parameter that is compared; 0.weight"):
        transferability_profile(TUNED, START, nn.Sequential(nn.Linear(6, 8)))
    with pytest.raises(ValueError, match=r"`random` must return a torch.nn.Module"):
        transferability_profile(TUNED, START, lambda: 3)
