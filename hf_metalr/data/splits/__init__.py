"""Who trains, who validates, who tests, and who is drawn."""

from hf_metalr.data.splits.splits import groups_on_two_sides, make_splits, split_rows

__all__ = ["groups_on_two_sides", "make_splits", "split_rows"]
