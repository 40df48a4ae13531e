"""When the engine is attached: to the optimizer that ``create_optimizer`` returns, whoever wrote that method.

A subclass may override ``create_optimizer`` or ``create_scheduler`` without calling ours. Then the engine is attached
when the scheduler is created, or at the latest before the first step, so that nothing is trained without it.
"""

from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer
from transformers import Trainer

from hf_metalr.engine import MetaLR
from hf_metalr.engine.schedulers import bare_optimizer, bare_scheduler
from hf_metalr.errors import InputError

# At type-checking time the mixin is a Trainer; at run time the parent is whatever trainer it is mixed into.
if TYPE_CHECKING:
    _Base = Trainer
else:
    _Base = object


class EngineAttachment(_Base):
    """Mixes into a trainer the attachment of its engine; ``_attach`` makes it."""

    metalr: MetaLR | None
    lr_scheduler: Any

    def _attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        raise NotImplementedError

    def _attach_to(self, optimizer: Any, model: Any) -> None:
        bare = bare_optimizer(optimizer)  # on a second train() it is accelerate's wrapper
        if self.metalr is None or self.metalr.optimizer is not bare:
            self._attach(model, bare)

    def _attach_late(self) -> None:
        """Attach the engine to an optimizer, and tell it a scheduler, that a subclass made without calling ours.

        Raises:
            InputError: no learning rates can be learned from that optimizer.
        """
        if self.args.meta_estimator == "off":  # type: ignore[attr-defined]
            return
        if self.metalr is None or self.metalr.optimizer is not bare_optimizer(self.optimizer):
            try:
                self._attach_to(self.optimizer, self.model)
            except ValueError as error:
                raise InputError(
                    None,
                    f"create_optimizer of {type(self).__name__} made an optimizer from which no learning rates can be "
                    f"learned; mend it, or set meta_estimator='off'. {error}",
                ) from error
        elif self.lr_scheduler is not None and self.metalr.scheduler is not bare_scheduler(self.lr_scheduler):
            self.metalr.scheduler = self.lr_scheduler
