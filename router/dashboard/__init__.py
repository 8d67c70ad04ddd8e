"""The dashboard: what was spent, saved and decided, as pages."""
