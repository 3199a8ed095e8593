"""Quarantines: what a paused agent wrote, kept or rolled back."""
