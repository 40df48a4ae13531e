"""Images of more than 8 bits per channel, one file format a module: every bit of them, which Pillow cuts to 8."""
