"""The one exception for what a user gave: it knows the parameter, and everyone spells that as his reader knows it."""

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
