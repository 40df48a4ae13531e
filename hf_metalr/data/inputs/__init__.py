"""From decoded inputs to what a model is called with, the same in every command."""
