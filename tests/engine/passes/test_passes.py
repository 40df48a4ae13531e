"""Each implementation of a pass against the equations, tensor by tensor, in float64."""

import math

import pytest
import torch

from hf_metalr.engine.passes import Entry
from hf_metalr.engine.passes.entries import by_kind
from tests.engine.passes.cases import HALF, entry, expected_sums, passes

__all__ = ["passes"]

SHAPES = [(1,), (7, 13), (33,), (5, 5, 5), (300,), (64,), (257,), (2, 100)]


def permuted(e: Entry) -> Entry:
    """The same values in another memory order."""
    return e._replace(gradient=e.gradient.T.contiguous().T)


def test_the_sums_are_those_of_the_equation(passes) -> None:
    # catches: the last element of a chunk, a chunk in the wrong group, one sum in another's place
    entries = [entry(index // 3, shape) for index, shape in enumerate(SHAPES)]
    found = passes.sums(entries, 3, 0.0)
    torch.testing.assert_close(found, expected_sums(entries, 3), rtol=1e-6, atol=0)
    assert torch.equal(found, passes.sums(entries, 3, 0.0))  # deterministic


@pytest.mark.parametrize("follow", [0.2, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_the_anchor_moves_after_it_was_measured(passes, follow: float, dtype: torch.dtype) -> None:
    before_dtype = dtype if follow == 1 else torch.float32
    entries = [entry(0, (130,), dtype, before_dtype), entry(1, (3, 50), dtype, before_dtype)]
    expected = expected_sums(entries, 2)
    anchors = [e.before + follow * (e.now - e.before) if follow < 1 else e.now.clone() for e in entries]
    torch.testing.assert_close(passes.sums(entries, 2, follow), expected, rtol=1e-6, atol=0)
    for e, anchor in zip(entries, anchors, strict=True):
        torch.testing.assert_close(e.before, anchor, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_is_measured_in_float32(passes, dtype: torch.dtype) -> None:
    # catches: differences, products or sums rounded to half precision
    entries = [entry(0, (500,), dtype), entry(1, (37,), dtype), entry(1, (4, 4), dtype, gradient=False)]
    torch.testing.assert_close(passes.sums(entries, 2, 0.0), expected_sums(entries, 2), rtol=1e-6, atol=0)


def test_absent_zero_dimensional_and_weighted(passes) -> None:
    # catches: a gradient of the tensor before in the place of one that is absent, a shard counted once
    entries = [entry(0, ()), entry(0, (40,), gradient=False), entry(1, (30,), weight=4), entry(3, (2,))]
    found = passes.sums(entries, 4, 0.0)
    torch.testing.assert_close(found, expected_sums(entries, 4), rtol=1e-6, atol=0)
    assert found[:, 2].tolist() == [0, 0, 0]  # nothing in it


def test_none_has_a_gradient(passes) -> None:
    entries = [entry(0, (40,), gradient=False)]
    torch.testing.assert_close(passes.sums(entries, 1, 0.0), expected_sums(entries, 1), rtol=1e-6, atol=0)


def test_memory_order_and_sparse_gradients(passes) -> None:
    # catches: elements of θ and g paired by their place in memory; a view beside its tensor
    transposed = entry(1, (6, 9))
    transposed = transposed._replace(now=transposed.now.T.contiguous().T)
    images = entry(2, (4, 3, 5, 5))
    images = Entry(2, 1, *(t.to(memory_format=torch.channels_last) for t in images[2:]))
    strided = entry(2, (20, 6))
    wide = torch.randn(20, 12)
    wide[:, ::2] = strided.now
    sparse = entry(3, (12, 4))
    sparse.gradient[1:] = 0
    entries = [
        permuted(entry(0, (8, 11))),
        transposed,
        images,
        strided._replace(now=wide[:, ::2]),
        sparse._replace(gradient=sparse.gradient.to_sparse()),
        entry(4, (10,))._replace(gradient=torch.ones(()).expand(10)),
    ]
    expected = expected_sums(entries, 5)
    anchors = [e.before + 0.5 * (e.now - e.before) for e in entries]
    torch.testing.assert_close(passes.sums(entries, 5, 0.5), expected, rtol=1e-6, atol=0)
    for e, anchor in zip(entries, anchors, strict=True):
        torch.testing.assert_close(e.before, anchor, rtol=1e-6, atol=1e-7)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of Triton's interpreter, which is NumPy
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_in_its_group(passes, value: float) -> None:
    # catches: a product with zero that spreads NaN to other groups
    entries = [entry(0, (150,)), entry(1, (70,)), entry(2, (90,), gradient=False)]
    entries[1].gradient[69] = value
    entries[2].now[0] = value
    found, expected = passes.sums(entries, 3, 0.0), expected_sums(entries, 3)
    assert torch.equal(found.isfinite(), expected.isfinite())
    assert found[0, 2] == 0  # no gradient: nothing is multiplied
    torch.testing.assert_close(found[:, 0], expected[:, 0], rtol=1e-6, atol=0)


def test_gradients_may_come_and_go_and_move(passes) -> None:
    # catches: addresses or layouts kept from the call before
    entries = [entry(0, (50,)), entry(1, (120,))]
    passes.sums(entries, 2, 0.0)
    gone = [entries[0]._replace(gradient=None), entries[1]._replace(gradient=torch.randn(120))]
    torch.testing.assert_close(passes.sums(gone, 2, 0.0), expected_sums(gone, 2), rtol=1e-5, atol=1e-6)
    more = [*entries, entry(2, (5,))]
    torch.testing.assert_close(passes.sums(more, 3, 0.0), expected_sums(more, 3), rtol=1e-6, atol=0)
    swapped = [entries[1], entries[0]]
    torch.testing.assert_close(passes.sums(swapped, 2, 0.0), expected_sums(swapped, 2), rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_squares(passes, dtype: torch.dtype) -> None:
    entries = [entry(0, (5, 60), dtype), entry(2, (), dtype), entry(2, (130,), dtype, weight=3)]
    expected = torch.zeros(3, dtype=torch.float64)
    for e in entries:
        expected[e.group] += e.weight * e.now.double().square().sum()
    torch.testing.assert_close(passes.squares(entries, 3), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_moves(passes, dtype: torch.dtype) -> None:
    # catches: the factor of another group, θ and θ̄ exchanged, a factor of 1 that rounds, 0 times what is not finite
    entries = [entry(group, (50 + group, 3), dtype) for group in range(4)]
    strided = torch.zeros(10, 8, dtype=dtype)
    entries.append(Entry(3, 1, strided[:, ::2], torch.ones(10, 4, dtype=dtype)))
    entries[0].now[0] = math.nan  # what is overwritten may be anything
    factors = [0.0, 1.0, 1.5, 0.25]
    expected = [
        e.before.clone() if f == 0 else e.before.double() + f * (e.now.double() - e.before.double())
        for e in entries
        for f in [factors[e.group]]
    ]
    untouched = entries[1].now.clone()
    passes.move(entries, factors)
    assert torch.equal(entries[0].now, entries[0].before)
    assert torch.equal(entries[1].now, untouched)
    for e, value in zip(entries, expected, strict=True):
        torch.testing.assert_close(e.now, value.to(dtype))
    assert strided[:, 1::2].abs().sum() == 0


def test_entries_are_sorted_by_what_kernels_can_share() -> None:
    entries = [entry(0, (3,)), entry(0, (3,), torch.bfloat16), entry(1, (2,)), entry(1, (0, 4))]
    entries.append(entry(1, (3,), torch.bfloat16, torch.float32))
    assert [len(part) for part in by_kind(entries).values()] == [2, 1, 1]
