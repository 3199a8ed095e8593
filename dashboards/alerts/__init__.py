"""Alerts, the rules that raise them, and what is held back."""
