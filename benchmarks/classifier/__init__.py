"""The classifier's figures on public tables."""
