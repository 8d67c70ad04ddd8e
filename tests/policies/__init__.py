"""Policies: reading them, checking them, deciding by them."""
