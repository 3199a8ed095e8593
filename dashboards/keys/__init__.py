"""Pages of keys: custody, and the steps of a key's life."""
