"""From a table of images or texts to a fine-tuned model: targets, splits, augmentation, losses, scoring, the run.

`hf-metalr train` is these parts behind options.
"""
