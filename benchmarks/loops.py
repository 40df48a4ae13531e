"""One training step of each method in a bare PyTorch loop."""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from benchmarks.published import PublishedProcedure
from benchmarks.workloads import Workload, new_optimizer
from hf_metalr.engine import MetaLR, MetaLRConfig
from hf_metalr.engine.config import Estimator

Step = Callable[[], None]


def plain(workload: Workload) -> Step:
    """Return a step of ordinary training."""
    model, batches = workload.new_model(), workload.batches()
    return partial(_train, model, new_optimizer(model), batches)


def metalr(workload: Workload, config: MetaLRConfig) -> Step:
    """Return the same step with a `MetaLR` engine attached to its optimizer."""
    model, batches, meta_batches = workload.new_model(), workload.batches(), workload.batches(start=1)
    optimizer = new_optimizer(model)

    def meta_loss() -> Tensor:
        return model(**next(meta_batches)).loss

    MetaLR(model, optimizer, meta_loss, config)  # lives in the optimizer's hooks
    return partial(_train, model, optimizer, batches)


def published(workload: Workload) -> Step:
    """Return a step of the published procedure."""
    batches, meta_batches = workload.batches(), workload.batches(start=1)
    procedure = PublishedProcedure(workload.new_model(), workload.new_model)
    return lambda: procedure.step(next(batches), next(meta_batches))


def _train(model, optimizer, batches) -> None:
    model(**next(batches)).loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def _paper_rule(estimator: Estimator, meta_every: int = 1) -> MetaLRConfig:
    return MetaLRConfig(estimator=estimator, lr_update="proportional", meta_every=meta_every, trust_region=False)


METHODS: dict[str, Callable[[Workload], Step]] = {
    "plain": plain,
    "next_batch": partial(metalr, config=_paper_rule("next_batch")),
    "lookahead": partial(metalr, config=_paper_rule("lookahead")),
    "lookahead, every 5": partial(metalr, config=_paper_rule("lookahead", meta_every=5)),
    "published": published,
}
