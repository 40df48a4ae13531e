"""A part of the data keeps the shares of the classes, is drawn by the seed, and stays in order."""

from collections import Counter

from hf_metalr.cli.data.sampling import draw_indices

LABELS = [0] * 700 + [1] * 200 + [2] * 100


def test_every_class_keeps_its_share():
    for size in (10, 100, 333):
        rows = draw_indices(LABELS, size, seed=0)
        assert len(set(rows)) == size
        counts = Counter(LABELS[row] for row in rows)
        for label, share in ((0, 0.7), (1, 0.2), (2, 0.1)):
            assert abs(counts[label] - share * size) <= 1


def test_the_seed_decides_and_the_order_is_that_of_the_data():
    first, again, other = (draw_indices(LABELS, 50, seed) for seed in (0, 0, 1))
    assert first == again == sorted(first)
    assert first != other


def test_no_more_than_there_is():
    assert draw_indices(LABELS, 5000, seed=0) == list(range(1000))


def test_targets_that_are_no_classes_are_drawn_evenly():
    targets = [row / 1000 for row in range(1000)]
    mean = sum(draw_indices(targets, 200, seed=0)) / 200
    assert abs(mean - 499.5) < 80  # four standard errors of a uniform draw
    assert len(draw_indices([[0, 1]] * 10, 4, seed=0)) == 4
