"""The transferability of pre-trained parameters, layer by layer: a diagnosis of a finished fine-tune."""

from hf_metalr.transferability.measure import transferability_profile
from hf_metalr.transferability.profile import LayerTransferability, LossChange, TransferabilityProfile
from hf_metalr.transferability.protocol import PUBLISHED, Protocol

__all__ = [
    "PUBLISHED",
    "LayerTransferability",
    "LossChange",
    "Protocol",
    "TransferabilityProfile",
    "transferability_profile",
]
