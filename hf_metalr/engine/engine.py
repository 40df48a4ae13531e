"""`MetaLR`: attach it to a torch optimizer, and every layer group learns its own learning rate.

The two estimators live in the hooks that torch runs around ``optimizer.step()``, after clipping and unscaling and only
when a step is really taken:

    lookahead    step:     θ̂ = θ + Δ, the optimizer's own step with the current rates α
                 look:     ∂L_meta/∂ ln α_j = ⟨∇_j L_meta(θ̂), Δ_j⟩, one forward and backward
                 rescale:  θ' = θ̂ + (α_j'/α_j − 1) Δ_j, the step that the new rates α' would have taken

    next_batch   the gradient that the next step computes anyway stands in for ∇L_meta(θ̂); the new rates act from that
    step on. Δ may reach back over several steps (``horizon``).

Source: MetaLR (arXiv 2206.01408); the next-batch estimator is hypergradient descent (Baydin et al. 2018) per layer
group.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from hf_metalr.engine.amp import gradient_scale, step_is_skipped
from hf_metalr.engine.checks import (
    refuse_closure,
    require_known_scheduler,
    require_meta_loss,
    require_obedient_scheduler,
    require_own_scheduler,
    require_sound_rates,
    require_supported,
    require_unattached,
)
from hf_metalr.engine.config import MetaLRConfig
from hf_metalr.engine.displacements import Displacements
from hf_metalr.engine.first_gradient import FirstGradient
from hf_metalr.engine.joining import Newcomers, adopt
from hf_metalr.engine.kept_head import make_rule, settled, with_room_below
from hf_metalr.engine.measurement import Measurement, averaged, describe, telling
from hf_metalr.engine.meta_step import MetaStep
from hf_metalr.engine.no_trace import hidden_gradients, isolated_rng, kept_buffers, mixed_seed
from hf_metalr.engine.rates import base_lrs, drop_base_keys, effective_lrs, set_base_lrs, settle_base_lrs
from hf_metalr.engine.resuming import Resumable
from hf_metalr.engine.schedulers import bare_optimizer, bare_scheduler
from hf_metalr.engine.trust_region import choose_unstated, has_trust_region, lr_bounds, move_into_bounds
from hf_metalr.engine.written_rates import WrittenRates
from hf_metalr.equations import bound_lr
from hf_metalr.layer_groups import LayerGroup, make_layer_groups
from hf_metalr.layer_groups.param_groups import expand_scheduler, split_param_groups


class MetaLR(Resumable):
    """Learns one learning rate per layer group while any torch optimizer trains any module.

    Args:
        model: the module in training; its parameter names define the layer groups. Pass the bare module, not a wrapper
            that adds communication (DistributedDataParallel), so that names and gradients are its own.
        optimizer: any torch optimizer whose displacement is proportional to its learning rate. Its param groups are
            split by layer group, in place. Rates it starts from are its own ``lr`` values; with ``lr=UNSTATED`` they
            are chosen from the weights. Parameters that are added to it later, or thawed, join as layer groups.
        meta_loss: called once per meta step by ``"lookahead"``: draws a meta batch and returns its loss, a scalar
            tensor with a graph to the parameters. Runs with its own random streams; buffers and gradients are put back.
        config: estimator, rule and bounds.
        layer_groups: a grouping (``"stage"``, ``"block"``, ``"tensor"``), regex patterns, or groups made before.
        scheduler: the learning-rate scheduler, if there is one, of torch, Transformers or timm, or accelerate's wrapper
            of one. It may be set later through the attribute of that name, but before the first step; a schedule's
            factor multiplies the learned base rate. ``"written"`` says that the training loop writes ``group["lr"]``
            itself: the learned rates multiply what it writes (`hf_metalr.engine.written_rates`). With None nobody but
            the engine may write rates.
        reduce_mean: averages a float64 tensor over data-parallel processes, in the same order everywhere: one scalar
            per layer group, or three where parameters are sharded; None for one process.
        loss_scale: factor by which a meta loss is multiplied before its backward and its gradients are divided after it
            (float16 training); None for 1.
        on_meta_step: called with a `MetaStep` after each meta step, skipped ones included.
        seed: seeds the random streams of the meta forward, together with the step and ``rank``.
        rank: index of this data-parallel process.

    Attributes:
        step: optimizer steps taken since the engine was attached.
        skipped: meta steps skipped because something was not finite.
        first_gradient: what is chosen at the first step, and what was.
        lr_bounds: lower and upper bound of each layer group's rate, from its weights at the start (`trust_region`).
        first_lrs: the rate that each layer group was given to start with.
        wide_bounds: ``min_lr`` and ``max_lr``, as they are in force.
        moved_at_start: initial rates that lay outside these bounds, as they were.
        held_groups: names of layer groups whose rates stay where they are; assign to it at any time.

    Raises:
        InputError: unsupported optimizer, no meta loss for the look-ahead, rates that differ within a layer group or
            lie outside ``min_lr`` and ``max_lr``. A step raises it where somebody wrote rates and ``scheduler`` is
            None, or no common factor explains them.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        >>> engine = MetaLR(model, optimizer)
        >>> loss = nn.functional.cross_entropy(model(torch.ones(3, 4)), torch.tensor([0, 1, 1]))
        >>> loss.backward(); optimizer.step()
        >>> list(engine.learning_rates)
        ['layer.0', 'head']
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        meta_loss: Callable[[], Tensor] | None = None,
        config: MetaLRConfig | None = None,
        *,
        layer_groups: str | Mapping[str, str] | Sequence[LayerGroup] = "block",
        scheduler: object | None = None,
        reduce_mean: Callable[[Tensor], Tensor] | None = None,
        loss_scale: Callable[[], float] | None = None,
        on_meta_step: Callable[[MetaStep], None] | None = None,
        seed: int = 0,
        rank: int = 0,
    ) -> None:
        optimizer = bare_optimizer(optimizer)
        self.config = settled(config or MetaLRConfig(), optimizer)
        require_supported(optimizer)
        require_unattached(optimizer)
        require_meta_loss(self.config.estimator, meta_loss)
        self.model, self.optimizer, self.meta_loss = model, optimizer, meta_loss
        self.reduce_mean, self.loss_scale, self.on_meta_step = reduce_mean, loss_scale, on_meta_step
        self.seed, self.rank = seed, rank
        self.step = self.skipped = 0
        self.held_groups: Collection[str] = ()
        # By which parameters that join later are grouped.
        self._grouping = layer_groups if isinstance(layer_groups, (str, Mapping)) else "block"
        if isinstance(layer_groups, (str, Mapping)):
            layer_groups = make_layer_groups(model, layer_groups)
        self.layer_groups = tuple(layer_groups)
        self._parents = split_param_groups(optimizer, model, self.layer_groups)
        self._scheduler = self._told(scheduler)
        choose_unstated(model, optimizer, self._scheduler, self.layer_groups, self.config)
        self.first_gradient = FirstGradient(model, optimizer, self._scheduler, self.layer_groups, self.config)
        settle_base_lrs(optimizer, self._scheduler)
        require_sound_rates(self.optimizer, self.config, self._scheduler)
        self.first_lrs = base_lrs(optimizer)
        self.wide_bounds = self.config.bounds_from(self.first_lrs.values())
        self.lr_bounds = lr_bounds(model, optimizer, self.layer_groups, self.config)
        self.moved_at_start = move_into_bounds(optimizer, self._scheduler, self.lr_bounds)
        if self.config.kept_head:
            self.lr_bounds = with_room_below(self.lr_bounds, self.groups_in_region, self.wide_bounds.low)
        self._newcomers = Newcomers(model, optimizer)
        self._written = WrittenRates(optimizer, self.first_lrs)
        self._written.follow(self._scheduler, base_lrs(optimizer))
        self._rule = make_rule(self.config, self.layer_groups)
        self._displacements = Displacements(optimizer, follows=self.config.effective_horizon > 1)
        self._gradient_squares = torch.empty(0)
        self._hooks = [
            optimizer.register_step_pre_hook(self._before_metalr_step),
            optimizer.register_step_post_hook(self._after_step),
        ]

    @property
    def scheduler(self) -> Any:
        """The scheduler, without accelerate's wrapper; "written", or None where the engine knows of none."""
        return self._scheduler

    @scheduler.setter
    def scheduler(self, scheduler: Any) -> None:
        before = base_lrs(self.optimizer)
        self._scheduler = self._told(scheduler)
        settle_base_lrs(self.optimizer, self._scheduler)
        self._written.follow(self._scheduler, before)

    def _told(self, scheduler: Any) -> Any:
        scheduler = bare_scheduler(scheduler)
        require_own_scheduler(self.optimizer, scheduler)
        if scheduler is not None:  # it may have been made before the split
            expand_scheduler(scheduler, self._parents)
        return scheduler

    @property
    def groups_in_region(self) -> list[str]:
        """Names of the layer groups whose rates have bounds that their weights set, input to output."""
        bounds = self.lr_bounds if has_trust_region(self.optimizer, self.config) else {}
        return [name for name, own in bounds.items() if own != self.wide_bounds]

    def forget_displacement(self) -> None:
        """Leave the last step unmeasured; call it after changing parameters other than by the optimizer's steps."""
        self._displacements.clear()

    def detach(self) -> None:
        """Stop learning; the optimizer keeps the rates it has."""
        for hook in self._hooks:
            hook.remove()
        self._displacements.clear()
        drop_base_keys(self.optimizer)

    def _before_metalr_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        require_known_scheduler(optimizer, self.scheduler)
        refuse_closure(args, kwargs)
        if self._newcomers:
            self._adopt()
        self._written.read(self.scheduler)
        require_obedient_scheduler(optimizer, self.scheduler, self._written.units)
        if not step_is_skipped(optimizer):
            if self.first_gradient.awaited:
                self.first_gradient.choose_rates(self)
            self._prepare_measurement()
        self._written.note()

    def _prepare_measurement(self) -> None:
        if self.config.estimator == "lookahead":
            if self._is_due():
                self._gradient_squares = self._displacements.gradient_squares()
                self._displacements.remember()
        elif self._displacements.pending:
            self._meta_step_from_training_gradient()
        elif self._is_due():
            self._displacements.remember()

    def _after_step(self, optimizer: Optimizer, args: tuple, kwargs: dict) -> None:
        self._written.require_untouched()
        if not step_is_skipped(optimizer):
            if self.config.estimator == "lookahead" and self._is_due():
                self._meta_step_from_lookahead()
            self.step += 1
        self._written.note()

    def _adopt(self) -> None:
        joined = adopt(self._newcomers, self.scheduler, self.layer_groups, self._grouping, self.config)
        self.layer_groups = joined.layer_groups
        self.first_lrs |= joined.units
        self.lr_bounds |= joined.lr_bounds
        self.moved_at_start |= joined.moved
        self._written.add(joined.units)
        self._displacements.clear()  # the last step was without them

    def _is_due(self) -> bool:
        """Whether the displacement of the optimizer step now being taken is to be measured."""
        look_late = self.config.estimator == "next_batch"  # the measurement follows with the next step's gradient
        return (self.step + 1 + look_late) % self.config.meta_every == 0

    def _meta_step_from_training_gradient(self) -> None:
        lrs, due = self._displacements.lrs, self._is_due()
        sums = self._displacements.measure(
            gradient_scale(self.optimizer), follow=1 / self.config.effective_horizon if due else 0.0
        )
        self._move_rates(averaged(sums, lrs, self._displacements, self.reduce_mean), meta_loss=None)
        if due:  # the rates that the coming step will use
            self._displacements.lrs = effective_lrs(self.optimizer)

    def _meta_step_from_lookahead(self) -> None:
        assert self.meta_loss is not None
        scale = self.loss_scale() if self.loss_scale is not None else 1.0
        with (
            torch.enable_grad(),
            isolated_rng(mixed_seed(self.seed, self.step, self.rank)),
            kept_buffers(self.model),
            hidden_gradients(self._parameters()),
        ):
            loss = self.meta_loss()
            (loss * scale).backward()
            sums = self._displacements.measure(scale)
        # Marked before the processes average: one bad process makes all of them skip, in step.
        log_hypergradients = torch.where(loss.detach().isfinite(), sums[0], math.nan)
        # The scale of the gradient is that of the training gradient: unlike the meta gradient's, all processes know it.
        sums = torch.stack([log_hypergradients, self._gradient_squares, sums[2]])
        before = self.learning_rates
        measured = averaged(sums, self._displacements.lrs, self._displacements, self.reduce_mean)
        self._move_rates(measured, meta_loss=loss.item())
        self._displacements.rescale(
            {name: lr / before[name] for name, lr in self.learning_rates.items() if before[name] > 0}
        )

    def _parameters(self) -> Iterator[nn.Parameter]:
        """Those of the model and of the optimizer: a loss can have parameters of its own."""
        yield from self.model.parameters()
        for group in self.optimizer.param_groups:
            yield from group["params"]

    def _move_rates(self, measured: dict[str, Measurement], meta_loss: float | None) -> None:
        """Move every rate that is not held; none if a measurement is not finite on some process."""
        finite = all(math.isfinite(measurement.log_hypergradient) for measurement in measured.values())
        self.skipped += not finite
        if finite:
            lrs = self.learning_rates
            self._rule.region = {name: self.lr_bounds[name] for name in self.groups_in_region}
            proposed = self._rule.propose(lrs, telling(measured, self.held_groups))
            bounded = {
                name: bound_lr(lr, lrs[name], *self.lr_bounds[name], self.config.max_lr_change)
                for name, lr in proposed.items()
            }
            set_base_lrs(self.optimizer, self.scheduler, bounded)
        if self.on_meta_step is not None:
            rates, effective = self.learning_rates, effective_lrs(self.optimizer)
            described = describe(
                measured,
                step=self.step + 1,
                base_lr=rates,
                effective_lr={name: effective[name] for name in rates},
                meta_loss=meta_loss,
                skipped=None if finite else "not finite",
            )
            self.on_meta_step(described)
