"""Pages of retention rules and holds."""
