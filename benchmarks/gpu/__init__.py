"""Learned rates on a GPU: are they right, what do they cost, and where does the time go? See `__main__`."""
