"""What a trainer writes for others: `metalr.json`, the figure, the model card, and the upload of them all."""

import shutil
from concurrent.futures import Future
from dataclasses import replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import run_as_future
from transformers import Trainer
from transformers.trainer_utils import HubStrategy
from transformers.utils import PushInProgress, logging

from hf_metalr.engine import MetaLR
from hf_metalr.engine.history import HISTORY_NAME
from hf_metalr.hub import LEARNED_RATES_NAME, LearnedRates
from hf_metalr.hub.locate import is_model_id
from hf_metalr.hub.upload import PRIVATE_FILES, STATE_FILES, upload
from hf_metalr.hub.upload_errors import one_clear_error, push_command
from hf_metalr.trainer.arguments import MetaLRTrainingArguments
from hf_metalr.trainer.cards import Texts, adapter_tags_of, extend_card, write_card
from hf_metalr.trainer.outcome import learned_rates_of
from hf_metalr.trainer.run_start import RunStart

logger = logging.get_logger(__name__)

# What a checkpoint needs to go on training, of no use to those who load the model; and the card that PEFT writes into
# it, which names the base model by its local path.
_NOT_THE_MODELS = ("optimizer*", "scheduler*", "scaler*", "rng_state*", "metalr_*", "trainer_state.json", "README.md")

# At type-checking time the mixin is a Trainer; at run time the parent is whatever trainer it is mixed into.
if TYPE_CHECKING:
    _Base = Trainer
else:
    _Base = object


class Publication(_Base):
    """Mixes the record of the learned rates, its card and its upload into a trainer."""

    args: MetaLRTrainingArguments
    metalr: MetaLR | None
    _start: RunStart
    push_in_progress: Any  # a PushInProgress or None; on the main process, once there is a repository

    def _run_start(self) -> RunStart:
        """What the run started with, the rates that its first gradient told included."""
        assert self.metalr is not None
        return replace(self._start, lrs={**self._start.lrs, **self.metalr.first_gradient.chosen})

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train as the parent does, then write `metalr.json`."""
        output = super().train(*args, **kwargs)
        self._save_learned_rates(Path(self._get_output_dir(getattr(self, "_trial", None))))
        return output

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save as the parent does; a model that is saved by the user has `metalr.json` beside it."""
        super().save_model(output_dir, _internal_call)
        if output_dir is None or not _internal_call:  # the others are checkpoints, whose rates are in their own state
            self._save_learned_rates(Path(output_dir or str(self.args.output_dir)))

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write README.md, with the learned rates; arguments as of the parent.

        A parent with a card of its own (TRL) keeps it: the learned rates become a section of it.
        """
        if not self._has_learned():
            super().create_model_card(*args, **kwargs)
        elif getattr(super().create_model_card, "__func__", None) is Trainer.create_model_card:
            if self.is_world_process_zero():
                rates = learned_rates_of(self, self._run_start())
                tags = adapter_tags_of(self.model)
                write_card(*self._card_place(rates), adapter_tags=tags, **_card_arguments(*args, **kwargs))
        else:
            super().create_model_card(*args, **kwargs)
            if self.is_world_process_zero():
                extend_card(*self._card_place(learned_rates_of(self, self._run_start())))

    def init_hf_repo(self, *args: Any, **kwargs: Any) -> None:
        """Create the repository as the parent does; arguments as of the parent.

        Raises:
            UploadError: the Hub cannot be reached or refuses.
        """
        trained = hasattr(self, "state") and self.state.global_step > 0  # the parent's constructor comes here too
        way_out = "" if trained else "Mend that, or train without pushing and push later."
        with one_clear_error(self._repo_name(), lambda: way_out):
            super().init_hf_repo(*args, **kwargs)

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Upload model, processor, card, figure, history and learned rates, in one commit.

        As the parent's, but that files which hold local paths or names of the data stay at home
        (`hf_metalr.hub.upload.PRIVATE_FILES`).

        Args:
            commit_message: of the commit.
            blocking: whether to wait for the upload; else a future is returned.
            token: that may write; by default ``hub_token``, or the one that is logged in.
            revision: the branch; by default ``hub_revision``.
            private: whether a new repository is private; by default ``hub_private_repo``.
            kwargs: for `create_model_card`, such as ``dataset="PneumoniaMNIST"`` or ``license="mit"``.

        Returns:
            The commit on the main process, None on the others.

        Raises:
            UploadError: the Hub cannot be reached or refuses. All is saved by then, and the message has the command to
                push it later.
        """
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        token = token if token is not None else self.args.hub_token
        self._finish_current_push()  # of a checkpoint: it reads the files that are written below
        self.save_model(_internal_call=True)  # first: nothing is lost where the Hub cannot be reached
        if not self.is_world_process_zero():
            return None
        tags = kwargs.pop("tags", None) or []
        tags = [tags] if isinstance(tags, str) else list(tags)
        tags += [tag for tag in getattr(self.model, "model_tags", None) or [] if tag not in tags]
        name = kwargs.pop("model_name", None) or self._repo_name().split("/")[-1]
        folder, branch = Path(str(self.args.output_dir)), revision or self.args.hub_revision
        base_model = kwargs.get("finetuned_from")
        is_private = bool(self.args.hub_private_repo if private is None else private)

        def way_out() -> str:
            command = push_command(folder, self._repo_name(), PRIVATE_FILES, is_private, branch)
            local = ", ".join(map(repr, self._local_bases()))
            first = f" (first replace {local}, which only you have, in adapter_config.json)" if local else ""
            return f"Everything is saved in {str(folder)!r}; push it later{first} with: {command}"

        try:
            if self.hub_model_id is None:
                with one_clear_error(self._repo_name(), way_out):
                    self.init_hf_repo(token=token, **({} if private is None else {"private": private}))
        finally:
            self.create_model_card(model_name=name, **kwargs, **({"tags": tags} if tags else {}))
        for base in [] if base_model else self._local_bases():
            logger.warning(
                f"The base model was loaded from {base!r}, which only you have; the path is not uploaded. Load it "
                "by its Hub id, or push with finetuned_from='user/model', so that others can load the adapter."
            )
        target = (self._repo_name(), str(commit_message), token, branch)
        work = partial(upload, folder, *target, base_model=base_model, way_out=way_out)
        return work() if blocking else run_as_future(work)

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Upload during training (`push_to_hub=True`), as the parent does but without its pickle of the arguments."""
        strategy = self.args.hub_strategy
        if not self.is_world_process_zero() or strategy == HubStrategy.END:
            return
        if self.push_in_progress is not None and not self.push_in_progress.is_done():
            if not self.args.hub_always_push:
                return
            self._finish_current_push()  # it reads the files that are written below
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        checkpoint, output = Path(checkpoint_folder), Path(str(self.args.output_dir))
        for file in checkpoint.iterdir():  # copied, since old checkpoints are deleted while an upload goes on
            if file.is_file() and not any(fnmatch(file.name, pattern) for pattern in _NOT_THE_MODELS):
                shutil.copy(file, output / file.name)
        message = f"Training in progress, step {self.state.global_step}"
        target = (str(self.hub_model_id), message, self.args.hub_token, self.args.hub_revision)
        growing = (*PRIVATE_FILES, HISTORY_NAME)  # while an upload goes on, which would fail of it
        jobs = [run_as_future(upload, output, *target, private_files=growing)]
        if strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
            place = "last-checkpoint" if strategy == HubStrategy.CHECKPOINT else checkpoint.name
            jobs.append(run_as_future(upload, checkpoint, *target, place, STATE_FILES))
        for job in jobs:
            job.add_done_callback(_tell_failure)
        self.push_in_progress = PushInProgress(jobs)  # type: ignore[arg-type]  # a list, whatever its annotation says

    def _repo_name(self) -> str:
        known = getattr(self, "hub_model_id", None) or self.args.hub_model_id
        return str(known or Path(str(self.args.output_dir)).absolute().name)

    def _local_bases(self) -> list[str]:
        """Return the places on this machine that adapters name as their base model's."""
        configs = getattr(self.model, "peft_config", {}).values()
        bases = (str(getattr(config, "base_model_name_or_path", None) or "") for config in configs)
        return sorted({base for base in bases if base and not is_model_id(base)})

    def _has_learned(self) -> bool:
        return self.metalr is not None and self.metalr.step > 0

    def _card_place(self, rates: LearnedRates) -> tuple[Path, LearnedRates, str | None]:
        return Path(str(self.args.output_dir)), rates, self.hub_model_id

    def _save_learned_rates(self, folder: Path) -> None:
        if not (self._has_learned() and self.args.should_save):
            return
        folder.mkdir(parents=True, exist_ok=True)
        try:
            learned_rates_of(self, self._run_start()).save(folder / LEARNED_RATES_NAME)
        except ValueError as error:  # a name of the user's own that is no line of text: no reason to lose the run
            logger.warning(f"{LEARNED_RATES_NAME} was not written: {error}")


def _tell_failure(job: "Future[Any]") -> None:
    if not job.cancelled() and job.exception() is not None:
        logger.warning(f"{job.exception()} Training goes on.")


def _card_arguments(
    language: Texts = None,
    license: str | None = None,  # noqa: A002  # as Trainer calls it
    tags: Texts = None,
    model_name: str | None = None,
    finetuned_from: str | None = None,
    tasks: Texts = None,
    dataset_tags: Texts = None,
    dataset: Texts = None,
    dataset_args: Texts = None,
) -> dict[str, Any]:
    """Give the arguments of Trainer's `create_model_card`, which may come by position, their names."""
    return dict(locals())
