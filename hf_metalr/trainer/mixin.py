"""`MetaLRMixin`: what turns a Transformers trainer into one that learns its learning rates.

What changes, and nothing else: the optimizer's param groups are split by layer group; a `MetaLR` engine is attached to
the optimizer; ``training_step`` tells the engine which rates are held; logs, checkpoints, a history file, `metalr.json`
and the model card carry the rates; uploads leave local paths and the token out. The loop, clipping, scheduler creation
and ``compute_loss`` are those of the parent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR
from transformers.utils import logging

from hf_metalr.engine import MetaLR, MetaStep
from hf_metalr.errors import InputError, Parameter
from hf_metalr.layer_groups.param_groups import head_names
from hf_metalr.trainer.arguments import MetaLRTrainingArguments
from hf_metalr.trainer.attachment import EngineAttachment
from hf_metalr.trainer.batch_norms import BatchNormStatistics
from hf_metalr.trainer.checkpoint import read_engine_state, refuse_learned_checkpoint, save_engine_state
from hf_metalr.trainer.console import LR_LOG_PREFIX, MovedRatesNote, summarize_on_console
from hf_metalr.trainer.cost import Cost
from hf_metalr.trainer.history_callback import HistoryCallback
from hf_metalr.trainer.initial_rates import engine_config, set_up_rates, warn_of_rates_of_zero
from hf_metalr.trainer.item_count import item_count
from hf_metalr.trainer.meta_data import (
    MetaBatches,
    MetaLoader,
    carve_meta_set,
    require_meta_dataset,
    with_own_generator,
)
from hf_metalr.trainer.parallelism import require_supported_parallelism
from hf_metalr.trainer.publication import Publication
from hf_metalr.trainer.recovery import last_complete_checkpoint, mark_incomplete
from hf_metalr.trainer.run_start import RunStart
from hf_metalr.trainer.transferability_report import TransferabilityReport
from hf_metalr.trainer.upstream import UpstreamFixes

logger = logging.get_logger(__name__)


class MetaLRMixin(EngineAttachment, Publication, TransferabilityReport, BatchNormStatistics, UpstreamFixes):
    """Learns one learning rate per layer group inside any subclass of `transformers.Trainer`.

    Put it first: ``class MetaLRSeq2SeqTrainer(MetaLRMixin, Seq2SeqTrainer)``. Arguments as in `MetaLRTrainer`.

    Attributes:
        metalr: the engine; None before training and with ``meta_estimator="off"``.

    Raises:
        InputError: args of another class, meta data that are empty, a stream or the evaluation set, and whatever the
            engine refuses.
    """

    args: MetaLRTrainingArguments

    def __init__(self, *args: Any, meta_dataset: Any = None, **kwargs: Any) -> None:
        if len(args) < 2 and kwargs.get("args") is None:
            kwargs["args"] = MetaLRTrainingArguments(output_dir="tmp_trainer")  # the parent's own default folder
        self.metalr: MetaLR | None = None
        self.meta_dataset = meta_dataset
        self._meta_loader: MetaLoader | None = None
        self._training_columns: set[str] = set()
        self._origin: Path | None = None  # of the run that this one goes on from
        self._meta_losses: list[float] = []
        self._history = HistoryCallback(self._run_folder, lambda: self._origin)
        super().__init__(*args, **kwargs)
        if not hasattr(self.args, "meta_estimator"):
            raise InputError(
                "args",
                "must be MetaLRTrainingArguments (TrainingArguments with the settings of the learned rates); "
                f"found {type(self.args).__name__}.",
            )
        self._cost = Cost(self.args.device)
        self._settle_meta_dataset()
        if self.args.meta_estimator != "off":
            require_supported_parallelism(self)
            summarize_on_console(self)

    @property
    def learning_rates(self) -> dict[str, float]:
        """The learned base rate of every layer group, input to output; empty before training and with "off"."""
        return self.metalr.learning_rates if self.metalr is not None else {}

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """Train as the parent does; ``resume_from_checkpoint=True`` passes over checkpoints that a crash cut short."""
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_complete_checkpoint(str(self.args.output_dir), self.args.world_size)
            if resume_from_checkpoint is None:  # the parent's words, which code may look for
                raise InputError(None, f"No valid checkpoint found in output directory ({self.args.output_dir})")
        if self.args.meta_estimator != "off" and self._history not in self.callback_handler.callbacks:
            self.add_callback(self._history)  # only now: until then the list is the parent's, which code may compare
            self.add_callback(MovedRatesNote(lambda: self.metalr))
        try:
            return super().train(resume_from_checkpoint, *args, **kwargs)
        finally:
            self._history.close()

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Create the parent's optimizer, split its param groups by layer group, and attach the engine to it."""
        optimizer = super().create_optimizer(*(() if model is None else (model,)))  # older Transformers take none
        self._attach_to(optimizer, self.model if model is None else model)
        return optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> Any:
        """Create the parent's scheduler and tell the engine, whose learned rates it multiplies."""
        self._attach_late()  # to the groups that a scheduler finds
        scheduler = super().create_scheduler(num_training_steps, optimizer)
        if self.metalr is not None:  # a run begins; between two runs weights and data may have been replaced
            self.metalr.scheduler = scheduler
            self.metalr.forget_displacement()
            self._meta_loader = None
        self._cost.begin()
        return scheduler

    def training_step(self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Tensor:
        """Train on one batch as the parent does; the engine acts later, inside the optimizer's step."""
        self._attach_late()
        if self.metalr is not None:
            self.metalr.held_groups = self._held_groups()
            self._training_columns = set(inputs) if isinstance(inputs, Mapping) else set()
        return super().training_step(model, inputs, num_items_in_batch)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as the parent does; training logs also carry ``lr/<layer group>`` and the mean meta loss."""
        if self.metalr is not None and "learning_rate" in logs:
            logs = logs | {LR_LOG_PREFIX + name: lr for name, lr in self.learning_rates.items()}
            if self._meta_losses:
                logs["meta_loss"] = sum(self._meta_losses) / len(self._meta_losses)
                self._meta_losses.clear()
            if self.metalr.skipped:
                logs["meta_steps_skipped"] = self.metalr.skipped
        super().log(logs, start_time)

    def _attach(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        if self.args.meta_estimator == "off":
            if self.args.backbone_lr_scale != 1.0 or self.args.init_lrs is not None:
                set_up_rates(model, optimizer, self.lr_scheduler, self.args)
            return
        set_up_rates(model, optimizer, self.lr_scheduler, self.args)
        looks_ahead = self.args.meta_estimator == "lookahead"
        if looks_ahead:
            self._meta_loader = self._make_meta_loader()  # now, so that unfit meta data are refused before training
        distributed = self.args.world_size > 1
        with self._cost.of_hooks_on(optimizer):
            self.metalr = MetaLR(
                model,
                optimizer,
                self._meta_loss if looks_ahead else None,
                engine_config(model, self.args),
                layer_groups=self.args.layer_groups or "block",
                scheduler=self.lr_scheduler,
                reduce_mean=(lambda values: self.accelerator.reduce(values, "mean")) if distributed else None,
                loss_scale=lambda: self.accelerator.scaler.get_scale() if self.accelerator.scaler is not None else 1.0,
                on_meta_step=self._note_meta_step,
                seed=self.args.seed,
                rank=self.args.process_index,
            )
        warn_of_rates_of_zero(self.metalr.first_lrs.values())
        self._start = RunStart.of(self.args, optimizer)

    def _meta_loss(self) -> Tensor:
        """Return the loss of the next meta batch at the model's present parameters, computed as in training."""
        assert self.metalr is not None
        size = self._meta_batch_size()  # auto_find_batch_size may have lowered it
        if self._meta_loader is None or self._meta_loader.batch_size != size:
            self._meta_loader = self._make_meta_loader()
        inputs = self._prepare_inputs(self._meta_loader.batch(self.metalr.step))
        missing = [name for name in self.label_names if name in self._training_columns and name not in inputs]
        if missing:
            raise InputError(
                None,
                f"Meta batches must hold the labels of training batches; {missing} are not among the columns "
                f"{list(inputs)}. Add them to meta_dataset, or name them with label_names.",
            )
        model = self.model_wrapped
        if isinstance(model, DistributedDataParallel):
            model = model.module  # only one scalar per layer group is averaged, not the meta gradient
        with self.compute_loss_context_manager(), _kept_bookkeeping(self):
            # A copy: label smoothing pops the labels.
            loss = self.compute_loss(model, copy(inputs), **item_count(self, inputs))
        assert isinstance(loss, Tensor)
        return loss.mean() if self.args.n_gpu > 1 else loss

    def _make_meta_loader(self) -> MetaLoader:
        if self.meta_dataset is None:
            require_meta_dataset(self.train_dataset, "train_dataset", eval_dataset=None)
        dataset = self.train_dataset if self.meta_dataset is None else self.meta_dataset
        collate = with_own_generator(self.data_collator)
        if isinstance(dataset, datasets.Dataset):
            dataset = self._remove_unused_columns(dataset, description="Meta")
        else:
            collate = self._get_collator_with_removed_columns(collate, description="Meta")
        batches = MetaBatches(
            dataset,
            collate,
            batch_size=self._meta_batch_size(),
            seed=self.args.seed if self.args.data_seed is None else self.args.data_seed,
            rank=self.args.process_index,
            world_size=self.args.world_size,
        )
        return MetaLoader(batches, self.args.dataloader_num_workers, stride=self.args.meta_every)

    def _meta_batch_size(self) -> int:
        per_device = self.args.meta_batch_size
        if per_device is None:
            return self._train_batch_size
        return max(1, per_device * max(self.args.n_gpu, 1) * self._train_batch_size // self.args.train_batch_size)

    def _settle_meta_dataset(self) -> None:
        args = self.args
        if self.meta_dataset is not None:
            if args.meta_estimator != "lookahead":
                raise InputError(
                    "meta_dataset",
                    f"has no effect with meta_estimator={args.meta_estimator!r}, which draws no meta "
                    "batch: leave it out or use meta_estimator='lookahead'.",
                )
            if args.meta_split is not None:
                raise InputError(
                    "meta_dataset",
                    "or ",
                    Parameter("meta_split"),
                    f" must be given, not both; found meta_split={args.meta_split!r}.",
                )
            require_meta_dataset(self.meta_dataset, "meta_dataset", self.eval_dataset)
        elif args.meta_split is not None:
            seed = args.seed if args.data_seed is None else args.data_seed
            self.train_dataset, self.meta_dataset = carve_meta_set(self.train_dataset, args.meta_split, seed)

    def _held_groups(self) -> list[str]:
        assert self.metalr is not None
        epoch = self.state.epoch or 0.0
        held = self.state.global_step < self.args.head_hold_steps or epoch < self.args.head_hold_epochs
        return head_names(self.metalr.layer_groups) if held else []

    def _note_meta_step(self, meta_step: MetaStep) -> None:
        # The engine counts the optimizer's steps; Transformers also counts those that float16 scaling skipped.
        meta_step = replace(meta_step, step=self.state.global_step + 1)
        if meta_step.meta_loss is not None and meta_step.skipped is None:
            self._meta_losses.append(meta_step.meta_loss)
        if meta_step.skipped is not None:
            logger.warning(f"Step {meta_step.step}: a hypergradient is not finite; no learning rate was moved.")
        self._history.append(meta_step)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.metalr is not None and self.args.should_save:
            beside = {"cost": self._cost.state_dict(), "start": self._run_start().to_dict()}
            save_engine_state(self.metalr, output_dir, beside | {"world_size": self.args.world_size})

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        if self.args.should_save:
            mark_incomplete(Path(self._get_output_dir(trial)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}")
        super()._save_checkpoint(model, trial)

    def _run_folder(self) -> str:
        return self._get_output_dir(getattr(self, "_trial", None))

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        self._attach_late()
        self._origin = None if checkpoint is None else Path(checkpoint).parent
        if self.metalr is None or checkpoint is None:
            refuse_learned_checkpoint(checkpoint)
            super()._load_optimizer_and_scheduler(checkpoint)
        else:
            state = read_engine_state(self.metalr, checkpoint)  # checked before anything is loaded
            self._start = self._start.resumed(state.get("start"), checkpoint)
            super()._load_optimizer_and_scheduler(checkpoint)
            self.metalr.load_state_dict(state)
            self._cost.resume(state.get("cost"))


@contextmanager
def _kept_bookkeeping(trainer: Any) -> Iterator[None]:
    """Keep the running metrics that TRL trainers collect in ``compute_loss`` free of the meta batch."""
    kept = {
        name: deepcopy(vars(trainer)[name]) for name in ("_metrics", "_total_train_tokens") if name in vars(trainer)
    }
    try:
        yield
    finally:
        vars(trainer).update(kept)
