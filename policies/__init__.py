"""Policies: what the owner wrote in YAML, and the pure decision that follows from it."""
