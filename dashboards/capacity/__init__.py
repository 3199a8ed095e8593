"""How much is stored, how it grows, when something runs out, and what a rule would save."""
