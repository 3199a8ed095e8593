"""Compliance: checks over all of a tenant's own data, what they found, and what that proves of
which control.
"""
