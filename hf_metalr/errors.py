"""Whose fault an error is; and the one exception for what a user gave, which knows the parameter: each reader has it
spelt as he knows it.
"""

from collections.abc import Callable


class Parameter(str):
    """Name of a parameter among the words of an `InputError`: `max_samples` in Python, --max-samples for a command."""

    __slots__ = ()


class InputError(ValueError):
    """What the user gave is at fault: his data, a model, or the value of a parameter.

    Args:
        parameter: name of the parameter at fault, as in Python; None where the words alone say what is at fault.
        words: the rule, what was found and the way out. They follow the parameter's name. A `Parameter` among them is
            spelt as the first is.

    >>> print(InputError("max_samples", "must be at least 2, found 1. Or leave ", Parameter("folds"), " out."))
    `max_samples` must be at least 2, found 1. Or leave `folds` out.
    """

    def __init__(self, parameter: str | None, *words: str) -> None:
        self.parameter, self.words = parameter, words
        super().__init__(parameter, *words)  # so that a copy made by pickle is whole

    def spelt(self, spell: Callable[[str], str]) -> str:
        """Return the message with every parameter as ``spell`` writes it.

        >>> InputError("max_samples", "must be at least 2, found 1.").spelt(lambda name: "--" + name.replace("_", "-"))
        '--max-samples must be at least 2, found 1.'
        """
        text = "".join(spell(word) if isinstance(word, Parameter) else word for word in self.words)
        return text if self.parameter is None else f"{spell(self.parameter)} {text}"

    def __str__(self) -> str:
        return self.spelt(lambda name: f"`{name}`")


def is_users_fault(error: BaseException) -> bool:
    """Return whether an error concerns what the user gave rather than how this package works.

    That is an `InputError`, which is raised where the rule is known; an `OSError` (no such file or model, no
    permission, no network, a full disk); and a missing third-party package. Anything else is a bug.

    >>> is_users_fault(InputError("label_column", "'x' does not exist.")), is_users_fault(FileNotFoundError("x.csv"))
    (True, True)
    >>> is_users_fault(ValueError("too many values to unpack"))
    False
    """
    if isinstance(error, ImportError):
        return not (error.name or "").startswith("hf_metalr")
    return isinstance(error, InputError | OSError)
