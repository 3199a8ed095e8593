"""The whole product on one machine, with servers of its own: what ``make up`` runs."""
