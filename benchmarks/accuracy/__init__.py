"""What learned rates are worth: fine-tuning on small real image sets, ours against its rivals."""
