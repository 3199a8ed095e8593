"""Access: who can do what on an object and why, what somebody can touch, grants and groups."""
