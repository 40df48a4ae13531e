"""A learning rate that nobody has stated: the initial rates are then chosen from the network's weights."""

from typing import Any, Self

TRANSFORMERS_DEFAULT = 5e-5


class UnstatedRate(float):
    """The one value of ``learning_rate`` that says "not stated"; in arithmetic it is Transformers' default.

    A number, so that code which reads ``args.learning_rate`` goes on working: a subclass that builds an optimizer of
    its own, a callback that logs it. There is one instance, `UNSTATED`; copies and pickles give it back, so that
    ``is`` tells it. Conversions give a plain number, which is a stated rate: a hyper-parameter search casts its values
    to the type of the old one.

    >>> UNSTATED == 5e-5, type(UNSTATED)(1e-3), type(UnstatedRate(1e-3))
    (True, 0.001, <class 'float'>)
    """

    def __new__(cls, value: Any = None) -> Self:
        if value is not None:
            return float(value)  # type: ignore[return-value]
        return super().__new__(cls, TRANSFORMERS_DEFAULT)

    def __reduce__(self) -> str:
        return "UNSTATED"

    def __repr__(self) -> str:
        return "unstated"


UNSTATED = UnstatedRate()
