"""Metrics by task as `evaluate` metrics that need no network: classes, several labels, masks, numbers."""

from hf_metalr.metrics.classification import ClassificationMetrics, make_compute_metrics
from hf_metalr.metrics.multi_label import MultiLabelMetrics
from hf_metalr.metrics.regression import RegressionMetrics
from hf_metalr.metrics.segmentation import SegmentationMetrics

__all__ = [
    "ClassificationMetrics",
    "MultiLabelMetrics",
    "RegressionMetrics",
    "SegmentationMetrics",
    "make_compute_metrics",
]
