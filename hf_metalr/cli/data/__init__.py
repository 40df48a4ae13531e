"""The data options that the commands share, from a source's name to a data set with an input and a label column."""

from hf_metalr.cli.data.options import Data, add_data_options, load_data

__all__ = ["Data", "add_data_options", "load_data"]
