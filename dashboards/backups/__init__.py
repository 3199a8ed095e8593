"""Backups: which there are, what proved them, and the way back."""
