"""A token that never gets into a pickle."""

from typing import Any, Self


class Secret(str):
    """A text that is pickled as None and shown as stars; in all else it is the text.

    Transformers pickles the training arguments into `training_args.bin`, beside the model and into every checkpoint,
    `hub_token` included, and `push_to_hub` of the stock Trainer uploads that file.

    >>> import pickle
    >>> "Bearer " + Secret("hf_abc"), Secret("hf_abc"), pickle.loads(pickle.dumps(Secret("hf_abc")))
    ('Bearer hf_abc', '***', None)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce_ex__(self, protocol: Any) -> tuple[type, tuple]:
        return type(None), ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict) -> Self:
        return self
