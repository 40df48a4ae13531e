"""The settings of learned rates, declared once: for `MetaLRTrainingArguments`, and for command lines without torch."""

import argparse
import json
from dataclasses import dataclass, field


def word_or_object(text: str) -> str:
    """Return the text, for argparse, if it is a word or a JSON object, which the class parses.

    >>> word_or_object("block")
    'block'

    Raises:
        argparse.ArgumentTypeError: it begins like an object and is none.
    """
    if text.startswith("{"):
        try:
            json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"must be a word or a JSON object, found '{text}': {error}") from error
    return text


@dataclass
class LearnedRateOptions:
    """The fields that `MetaLRTrainingArguments` adds to those of Transformers; it checks them."""

    meta_estimator: str = field(
        default="next_batch",
        metadata={
            "help": "How hypergradients are measured: 'next_batch' (the gradient of the next training step; no extra "
            "pass), 'lookahead' (the paper; one extra forward and backward on a meta batch) or 'off' (plain Trainer)."
        },
    )
    lr_update: str = field(
        default="log_adam",
        metadata={
            "help": "How rates move: 'log_adam' (Adam on ln a, free of the scales of loss and gradients) or "
            "'proportional' (the paper's a*(1 - hyper_lr*h))."
        },
    )
    hyper_lr: float | None = field(
        default=None,
        metadata={
            "help": "How fast rates move; by default 0.2 with 'log_adam' and 0.1 with 'proportional' (the paper)."
        },
    )
    hyper_lr_decay: float | None = field(
        default=None,
        metadata={
            "help": "Let the hyper-LR fall as 1/sqrt(1 + t/N) over the meta steps t ('log_adam' only), so that rates "
            "that start far off get home early; by default N is 20, and inf keeps the hyper-LR."
        },
    )
    common_share: float | None = field(
        default=None,
        metadata={
            "help": "Share of the hyper-LR that moves all rates together, by the mean evidence of all layers; the rest "
            "moves every rate by its own ('log_adam' only, 0 to 1); by default 0.5 under a schedule that decays, and 0 "
            "under one that does not."
        },
    )
    upward_drift: float | None = field(
        default=None,
        metadata={
            "help": "A rate falls only where its evidence says so at more than this share of its scale, and rises "
            "otherwise ('log_adam' only, 0 to 1); by default 0.5 under a schedule that decays, since its decay comes "
            "on top of what is learned, and 0 under one that does not. Acts within a trust region alone."
        },
    )
    kept_head: bool | None = field(
        default=None,
        metadata={
            "help": "Whether the head was trained for this task before. Then the first 13 steps tell by how much each "
            "layer's rate differs from the others, in place of common_share and upward_drift. By default, under a "
            "schedule that decays, a head counts as trained before if it was loaded with the weights and its biases "
            "are not all zero."
        },
    )
    meta_horizon: int | None = field(
        default=None,
        metadata={
            "help": "Over how many past steps a hypergradient reaches ('next_batch' with 'log_adam' and meta_every=1 "
            "only); 1 is the last step alone, and 5 the default where it can reach back."
        },
    )
    meta_every: int = field(
        default=1, metadata={"help": "Move the rates at every N-th optimizer step, N being this number."}
    )
    meta_batch_size: int | None = field(
        default=None,
        metadata={"help": "Meta batch size per device ('lookahead' only); by default per_device_train_batch_size."},
    )
    min_lr: float | None = field(
        default=None,
        metadata={
            "help": "Lower bound of every learned rate; by default 1e-6, or a thousandth of the lowest initial rate "
            "where that lies below."
        },
    )
    max_lr: float | None = field(
        default=None,
        metadata={
            "help": "Upper bound of every learned rate; by default 1e-2, or ten times the highest initial rate where "
            "that lies above."
        },
    )
    max_lr_change: float = field(
        default=2.0, metadata={"help": "Bound on the factor by which one meta step may change a rate."}
    )
    trust_region: bool = field(
        default=True,
        metadata={
            "help": "Keep every learned rate, the initial one included, within bounds relative to the size of the "
            "network's weights (optimizers of Adam's kind). Off, min_lr and max_lr alone bound it."
        },
    )
    layer_groups: dict | str | None = field(
        default="block",
        metadata={
            "help": "Which parameters share a rate: 'stage', 'block', 'tensor', or a JSON object from regular "
            "expression to group name (first match wins; parameters that match none keep their block)."
        },
    )
    backbone_lr_scale: float = field(
        default=1.0,
        metadata={"help": "Initial rate of everything but the head, relative to learning_rate (0.1 in the paper)."},
    )
    head_hold_steps: int = field(
        default=0, metadata={"help": "Hold the rate of the head for this many optimizer steps."}
    )
    head_hold_epochs: float = field(
        default=0.0, metadata={"help": "Hold the rate of the head for this many epochs (5 in the paper)."}
    )
    meta_split: float | None = field(
        default=None,
        metadata={
            "help": "Carve this fraction out of the training data as the meta set ('lookahead' only); by default meta "
            "batches are training batches, as in the paper."
        },
    )
    init_lrs: str | None = field(
        default=None,
        metadata={
            "help": "Start from rates learned before: a model of the Hub (user/model), a folder or a file with "
            "metalr.json. Layer groups are matched by name. Or the path of a transferability profile "
            "(transferability.json): layers that moved far there start at a higher rate, those that moved little at a "
            "lower one, by a factor of at most 3. Opt-in: no result shows yet that either helps."
        },
    )
    report_transferability: bool = field(
        default=False,
        metadata={
            "help": "After training measure how far the pre-trained parameters carried, layer by layer: "
            "trainer.transferability_profile, and transferability.json in output_dir. Keeps one copy of the parameters "
            "in CPU memory."
        },
    )
