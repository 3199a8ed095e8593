"""Four dashboards: operations, governance, storage and security, over one range of time."""
