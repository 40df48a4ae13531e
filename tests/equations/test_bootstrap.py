"""The bootstrap interval of a mean."""

import pytest
import torch

from hf_metalr.equations import bootstrap_interval


def test_it_is_as_wide_as_theory_says() -> None:
    values = torch.randn(400, dtype=torch.float64)
    low, high = bootstrap_interval(values, confidence=0.9, resamples=2000)
    error = values.std(correction=0).item() / 20
    assert low == pytest.approx(values.mean().item() - 1.645 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean().item() + 1.645 * error, abs=0.15 * error)


def test_it_repeats_with_its_seed_and_leaves_the_random_stream() -> None:
    values = torch.arange(10.0)
    before = torch.get_rng_state()
    assert (
        bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)
    )
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("values", "confidence"), [(torch.ones(0), 0.9), (torch.ones(2, 2), 0.9), (torch.ones(3), 1.0)]
)
def test_unusable_input_is_refused(values, confidence) -> None:
    with pytest.raises(ValueError, match=r"`values` must|`confidence` must"):
        bootstrap_interval(values, confidence)
