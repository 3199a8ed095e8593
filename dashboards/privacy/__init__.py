"""Pages of subject requests."""
