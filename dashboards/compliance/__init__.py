"""Compliance for people: findings, checks, frameworks, the report."""
