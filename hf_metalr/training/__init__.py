"""From a table of images or texts to a fine-tuned model: tasks, targets, splits, augmentation, losses, metrics, the run.

`hf-metalr train` is these parts behind options.
"""
