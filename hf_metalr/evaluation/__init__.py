"""What a fine-tuned model is worth: metrics with intervals by patient, where it fails, how sure it may be believed."""
