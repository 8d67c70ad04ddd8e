"""A provider that breaks on purpose."""
