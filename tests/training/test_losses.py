"""Weights that even out classes, and the losses they enter: closed forms, and equality to PyTorch without weights."""

import torch
import torch.nn.functional as F

from hf_metalr.training.losses import (
    balanced_weights,
    positive_weights,
    weighted_binary_cross_entropy,
    weighted_cross_entropy,
)

LABELS = torch.tensor([0, 0, 0, 1])


def test_every_class_has_the_same_share_of_the_loss_and_the_samples_a_mean_weight_of_one():
    weights = balanced_weights([3, 1, 0])
    assert torch.equal(weights, torch.tensor([4 / 6, 2.0, 1.0]))
    assert float(weights[LABELS].mean()) == 1.0
    assert float(weights[LABELS][:3].sum()) == float(weights[LABELS][3])


def test_the_weighted_loss_of_equal_answers_is_the_plain_one():
    logits = torch.zeros(4, 2)
    loss = weighted_cross_entropy(balanced_weights([3, 1]))
    torch.testing.assert_close(loss({"logits": logits}, LABELS), F.cross_entropy(logits, LABELS))


def test_a_count_over_several_batches_gives_the_mean_over_all_of_them():
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 0, 1])
    loss = weighted_cross_entropy(balanced_weights([3, 2, 1]))
    whole = loss({"logits": logits}, labels)
    parts = [loss({"logits": logits[part]}, labels[part], num_items_in_batch=6) for part in (slice(4), slice(4, 6))]
    torch.testing.assert_close(sum(parts), whole)


def test_a_segmentation_counts_no_ignored_pixel_and_interpolates_the_logits():
    logits = torch.randn(1, 2, 1, 1)
    labels = torch.tensor([[[0, 255], [255, 1]]])
    loss = weighted_cross_entropy(torch.ones(2), ignore_index=255)({"logits": logits}, labels)
    torch.testing.assert_close(loss, F.cross_entropy(logits.view(1, 2).repeat(2, 1), torch.tensor([0, 1])))


def test_the_ones_and_the_zeros_of_a_label_weigh_the_same():
    labels = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
    weights = positive_weights([1], samples=4)
    logits = torch.zeros(4, 1, requires_grad=True)
    weighted_binary_cross_entropy(weights)({"logits": logits}, labels).backward()
    assert float(logits.grad.sum()) == 0.0  # no pull to either answer at p = 1/2
    assert positive_weights([0, 4], samples=4).tolist() == [1.0, 1.0]


def test_unit_weights_give_the_plain_multi_label_loss():
    logits, labels = torch.randn(4, 3), (torch.rand(4, 3) > 0.5).float()
    loss = weighted_binary_cross_entropy(torch.ones(3))((logits,), labels)
    torch.testing.assert_close(loss, F.binary_cross_entropy_with_logits(logits, labels))
