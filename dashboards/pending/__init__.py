"""Writes that wait for agreement: what they would change, and how far that reaches."""
