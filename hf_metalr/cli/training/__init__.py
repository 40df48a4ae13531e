"""What the command `train` is made of: its options, the training arguments they become, what it writes and prints."""
