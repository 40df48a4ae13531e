"""Rows and columns: cells as they stand, columns found, every row used or left out with the reason."""
