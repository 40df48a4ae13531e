"""Samples that belong together, such as the images of one patient, do not vouch for each other."""

import pytest
import torch

from hf_metalr.ranking.scoring import LINEAR_PROBE, LOG_EVIDENCE, NEAREST_NEIGHBOR, Scorer
from hf_metalr.scores.linear_probe import linear_probe_hits
from hf_metalr.scores.nearest_neighbors import nearest_neighbor_hits


def patients(count: int = 40, images: int = 4, channels: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features that know the patient and nothing else, a label drawn for each patient, and the patients."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(count, channels, generator=generator).repeat_interleave(images, 0)
    features = own + 0.01 * torch.randn(len(own), channels, generator=generator)
    labels = torch.randint(2, (count,), generator=generator).repeat_interleave(images)
    return features, labels, torch.arange(count).repeat_interleave(images)


def test_a_neighbour_of_the_same_patient_flatters_and_is_passed_over() -> None:
    features, labels, groups = patients()
    assert nearest_neighbor_hits(features, labels, k=3).double().mean() == 1.0
    assert nearest_neighbor_hits(features, labels, k=3, groups=groups).double().mean() < 0.7


def test_a_fold_of_the_probe_holds_whole_patients() -> None:
    features, labels, groups = patients(channels=200)
    assert linear_probe_hits(features, labels).double().mean() > 0.95
    assert linear_probe_hits(features, labels, groups=groups).double().mean() < 0.7


def test_groups_of_one_sample_are_no_groups() -> None:
    features, labels, _ = patients()
    alone = torch.arange(len(labels))
    assert torch.equal(
        nearest_neighbor_hits(features, labels, k=3, groups=alone), nearest_neighbor_hits(features, labels, k=3)
    )
    plain, grouped = (Scorer((NEAREST_NEIGHBOR,), 3, 5, 200, 0, g) for g in (None, alone))
    assert torch.equal(
        plain.estimate(NEAREST_NEIGHBOR, features, labels).resampled,
        grouped.estimate(NEAREST_NEIGHBOR, features, labels).resampled,
    )


@pytest.mark.parametrize("name", [NEAREST_NEIGHBOR, LINEAR_PROBE, LOG_EVIDENCE])
def test_an_interval_by_patients_is_wider_than_one_by_images(name: str) -> None:
    features, labels, groups = patients(channels=4)
    features = features + labels[:, None]  # some signal: a score on which samples and patients can differ
    by_image = Scorer((name,), 3, 5, 400, 0).estimate(name, features, labels)
    by_patient = Scorer((name,), 3, 5, 400, 0, groups).estimate(name, features, labels)
    widths = [high - low for low, high in (estimate.interval(0.95) for estimate in (by_image, by_patient))]
    assert widths[1] > 1.3 * widths[0]


def test_too_few_groups_are_told() -> None:
    features, labels, groups = patients(count=3)
    with pytest.raises(ValueError, match="at most 3, the number of groups"):
        linear_probe_hits(features, labels, groups=groups)
    with pytest.raises(ValueError, match="outside of its own group"):
        nearest_neighbor_hits(features, labels, k=9, groups=groups)
