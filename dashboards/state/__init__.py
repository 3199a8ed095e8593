"""Pages of the state: namespaces, their entries, and what became of them."""
