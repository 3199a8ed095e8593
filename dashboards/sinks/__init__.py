"""Where the audit log is copied to."""
