"""The parallel forms in which no learning rate can be learned, refused in words before the first step."""

import os

from transformers import Trainer

from hf_metalr.errors import InputError

DEEPSPEED_REFUSED = (
    "is not supported with learned rates: its backward steps the optimizer, so a meta backward would, too. "
    "Use DistributedDataParallel (accelerate launch), or set meta_estimator='off'."
)
_WAY_OUT = "Use DistributedDataParallel or FSDP2 (accelerate launch), or set meta_estimator='off'."


def require_supported_parallelism(trainer: Trainer) -> None:
    """Raise an InputError if the processes share the work in a form that the engine cannot measure in.

    Read from the trainer's accelerator, since a form can also be chosen by an accelerate configuration, which the
    arguments do not show.
    """
    launched = os.environ.get("WORLD_SIZE", "")
    if trainer.args.world_size == 1 and launched.isdecimal() and int(launched) > 1:
        raise InputError(
            None,
            f"The launch is of {launched} processes (WORLD_SIZE), but this one trains alone (args.world_size is 1), "
            "and each would write over the files of the others. Without GPUs, set use_cpu=True in the arguments or "
            "ACCELERATE_USE_CPU=true in the environment, which joins them; to train in one process, unset WORLD_SIZE.",
        )
    if trainer.is_deepspeed_enabled:
        raise InputError("deepspeed", DEEPSPEED_REFUSED)
    if trainer.is_fsdp_enabled:
        fsdp_version = getattr(trainer.accelerator.state.fsdp_plugin, "fsdp_version", 1)
        if fsdp_version != 2:
            raise InputError(
                None,
                f"fsdp_version={fsdp_version} is not supported with learned rates: it joins the parameters of several "
                "layers in flat tensors of which a process sees an arbitrary piece. Set fsdp_version to 2 "
                "(fsdp_config, or accelerate config), or set meta_estimator='off'.",
            )
    for form, size in _model_parallel_sizes(trainer).items():
        if size > 1:
            raise InputError(
                None,
                f"{form} parallelism over {size} processes is not supported with learned rates: these processes must "
                f"see the same meta batch, and meta batches are drawn per process. {_WAY_OUT}",
            )


def _model_parallel_sizes(trainer: Trainer) -> dict[str, int]:
    """How many processes share one replica of the model, by form; older Transformers have fewer forms."""
    config = getattr(trainer.accelerator, "parallelism_config", None)
    sizes = {
        "tensor": getattr(config, "tp_size", 1),
        "context": getattr(config, "cp_size", 1),
        "sequence": getattr(config, "sp_size", 1),
    }
    loaded = getattr(trainer.model, "_tp_size", None)  # from_pretrained(tp_plan=…)
    return sizes if loaded is None else sizes | {"tensor": loaded}
