"""What `datasets` complains about concerns the source that the user named."""

from collections.abc import Callable
from typing import Any

from hf_metalr.errors import InputError


def guarded(source: str, load: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    """Call a loader of `datasets`.

    Raises:
        InputError: with its reason, from its exception.
    """
    from datasets.exceptions import DatasetsError

    try:
        return load(*positional, **named)
    except (DatasetsError, OSError, RuntimeError, ValueError) as error:
        # "An error occurred while generating the dataset" hides its reason in the cause.
        raise InputError("data", f"'{source}' cannot be opened: {error.__cause__ or error}") from error
