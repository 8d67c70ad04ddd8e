"""Hypothesis judges what is true, not how fast a busy machine is."""

from hypothesis import settings

settings.register_profile("tiergate", deadline=None)
settings.load_profile("tiergate")
