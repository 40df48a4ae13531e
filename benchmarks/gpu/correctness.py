"""What must be right on a device: the passes against the equations, precision, compilation, memory, resuming."""

import argparse
import copy
import math
from typing import Any

import torch
from torch import Tensor, nn

from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.engine.passes import Entry, Passes, chunks, foreach
from hf_metalr.engine.passes.entries import by_kind

SIZES = ((1,), (), (7, 13), (1023,), (40_000,), (70_001,), (3, 5, 7), (0, 4), (2048,))
STEPS = 8


def run(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return, for every check, whether it holds and what was found."""
    device, found = options.device, {}
    found["triton is used"] = _row(chunks.fits(_entries(device, torch.float32)[0].kind), "")
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for name, passes in (("as chosen", Passes()), ("foreach", foreach)):
            found[f"sums, {name}, {dtype}"] = _sums(passes, device, dtype)
    found["moves"] = _moves(device)
    found["not finite"] = _not_finite(device)
    found["as on a CPU"] = _same(_train(device), _train(torch.device("cpu")), 1e-3)
    found["float16 with a scaler"] = _same(_train(device, scaled=True), _train(device), 5e-2)
    found["bfloat16 autocast"] = _finite(_train(device, autocast=torch.bfloat16))
    found["compiled"] = _attempted(lambda: _same(_train(device, compiled=True), _train(device), 1e-3))
    found["resumed, bit for bit"] = _same(_train(device, resumed=True), _train(device), 0.0)
    found["one copy of memory"] = _memory(device) if device.type == "cuda" else _row(None, "GPU only")
    return found


def _row(holds: bool | None, seen: Any) -> dict[str, Any]:
    return {"holds": holds, "found": seen}


def _attempted(check: Any) -> dict[str, Any]:
    try:
        return check()
    except RuntimeError as error:  # a compiler that is absent
        return _row(None, str(error)[:300])


def _entries(device: torch.device, dtype: torch.dtype) -> list[Entry]:
    torch.manual_seed(0)
    entries = []
    for index, shape in enumerate(SIZES):
        before = torch.randn(shape, device=device)
        step = 0.1 * torch.randn(shape, device=device)
        gradient = step + 0.1 * torch.randn(shape, device=device)
        if len(shape) == 2:
            gradient = gradient.T.contiguous().T  # another memory order
        entries.append(
            Entry(
                index // 2,
                1 + index % 3,
                (before + step).to(dtype),
                before,
                None if index == 4 else gradient.to(dtype),
            )
        )
    return entries


def _expected(entries: list[Entry]) -> Tensor:
    total = torch.zeros(3, 5, dtype=torch.float64)
    for e in entries:
        displacement = e.now.double() - e.before.double()
        gradient = torch.zeros_like(displacement) if e.gradient is None else e.gradient.double()
        products = (gradient * displacement, gradient.square(), displacement.square())
        total[:, e.group] += e.weight * torch.stack([product.sum() for product in products]).cpu()
    return total


def _sums(passes: Any, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    entries = _entries(device, dtype)
    expected = _expected(entries)
    anchors = [e.before + 0.2 * (e.now.float() - e.before) for e in entries]
    kept = copy.deepcopy([e.before for e in entries])
    [given] = by_kind(entries).values()
    found = passes.sums(given, 5, 0.2)
    moved = max(float((e.before - a).abs().max()) for e, a in zip(entries, anchors, strict=True) if a.numel())
    for e, before in zip(entries, kept, strict=True):
        e.before.copy_(before)
    again = passes.sums(given, 5, 0.0)
    error = float(((found.cpu() - expected).abs() / expected.abs().clamp_min(1e-30)).max())
    return _row(
        error < (2e-5 if passes is foreach else 5e-6) and moved < 1e-6 and torch.equal(found, again),
        {"relative error": error, "anchor error": moved},
    )


def _moves(device: torch.device) -> dict[str, Any]:
    entries = [e._replace(gradient=None) for e in _entries(device, torch.float32) if e.now.numel()]
    factors = [0.0, 1.0, 1.5, 0.25, 0.9]
    expected = [e.before + factors[e.group] * (e.now - e.before) for e in entries]
    left = [e.now.clone() for e in entries]
    Passes().move(entries, factors)
    worst = max(float((e.now - x).abs().max()) for e, x in zip(entries, expected, strict=True))
    exact = all(torch.equal(e.now, n) for e, n in zip(entries, left, strict=True) if factors[e.group] == 1)
    return _row(worst < 1e-5 and exact, worst)


def _not_finite(device: torch.device) -> dict[str, Any]:
    entries = _entries(device, torch.float32)
    entries[3].gradient[-1] = math.nan
    finite = Passes().sums(entries, 5, 0.0).isfinite().all(0).tolist()
    return _row(finite == [True, False, True, True, True], finite)


def _train(
    device: torch.device,
    scaled: bool = False,
    autocast: torch.dtype | None = None,
    compiled: bool = False,
    resumed: bool = False,
) -> dict[str, float]:
    """Return the rates that a small network has learned after a few steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3)).to(device)
    batches = [(torch.randn(32, 20).to(device), torch.randint(3, (32,)).to(device)) for _ in range(4)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    scaler = torch.amp.GradScaler(device.type, init_scale=2.0**10, enabled=scaled)
    engine = MetaLR(model, optimizer, config=MetaLRConfig(estimator="next_batch", trust_region=False))
    # A CPU is a trial of this script: there the model is traced, and not handed to a C++ compiler.
    backend = "inductor" if device.type == "cuda" else "aot_eager"
    forward = torch.compile(model, backend=backend) if compiled else model
    half = torch.float16 if scaled else autocast
    for step in range(STEPS):
        if resumed and step == STEPS // 2:
            states = copy.deepcopy((model.state_dict(), optimizer.state_dict(), engine.state_dict()))
            engine.detach()
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
            engine = MetaLR(model, optimizer, config=engine.config)
            for part, state in zip((model, optimizer, engine), states, strict=True):
                part.load_state_dict(state)
        inputs, labels = batches[step % 4]
        with torch.autocast(device.type, half or torch.bfloat16, enabled=half is not None):
            loss = nn.functional.cross_entropy(forward(inputs), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    return engine.learning_rates


def _same(found: dict[str, float], expected: dict[str, float], tolerance: float) -> dict[str, Any]:
    worst = max(abs(found[name] / lr - 1) for name, lr in expected.items())
    return _row(worst <= tolerance, worst)


def _finite(found: dict[str, float]) -> dict[str, Any]:
    return _row(all(map(math.isfinite, found.values())) and len(set(found.values())) > 1, found)


def _memory(device: torch.device) -> dict[str, Any]:
    peaks = []
    for learned in (False, True):
        model = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(8))).to(device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
        engine = MetaLR(model, optimizer, config=MetaLRConfig(estimator="next_batch")) if learned else None
        torch.cuda.reset_peak_memory_stats()
        for _ in range(4):
            model(torch.ones(4, 2048, device=device)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        peaks.append(torch.cuda.max_memory_allocated())
        copy_bytes = sum(parameter.nbytes for parameter in model.parameters())
        del model, optimizer, engine
        torch.cuda.empty_cache()
    copies = (peaks[1] - peaks[0]) / copy_bytes
    return _row(0.95 < copies < 1.1, copies)
