"""A part of the data keeps the shares of the classes, is drawn by the seed, and stays in order."""

from collections import Counter

from hf_metalr.data.labels.targets import Targets
from hf_metalr.data.splits.sampling import draw_indices, draw_rows

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


def test_rows_are_drawn_by_the_strata_of_their_targets():
    rows = list(range(0, 1000, 2))
    targets = Targets(LABELS, ["a", "b", "c"], LABELS)
    drawn = draw_rows(targets, rows, 100, seed=0)
    assert drawn == sorted(set(drawn) & set(rows))
    assert Counter(LABELS[row] for row in drawn) == {0: 70, 1: 20, 2: 10}
    assert draw_rows(targets, rows, None, seed=0) == draw_rows(targets, rows, 500, seed=0) == rows


def test_numbers_are_drawn_from_all_fifths_and_masks_by_their_classes():
    numbers = Targets([float(row) for row in range(100)], ["y"], [row // 20 for row in range(100)])
    assert Counter(row // 20 for row in draw_rows(numbers, range(100), 10, seed=0)) == dict.fromkeys(range(5), 2)
    masks = Targets([[0], [0, 1]] * 10, ["0", "1"], [(0,), (0, 1)] * 10)
    assert Counter(row % 2 for row in draw_rows(masks, range(20), 10, seed=0)) == {0: 5, 1: 5}
