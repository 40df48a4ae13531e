"""A fine-tuned model for other programs: ONNX, checked against the model, with its preprocessing beside it."""
