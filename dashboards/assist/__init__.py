"""Pages of the model's help: what would be shown to it, the button, and its answer."""
