"""What a fine-tuned model says of new inputs: loaded as it was saved, its own processor before it."""
