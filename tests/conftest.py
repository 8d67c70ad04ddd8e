"""How hypothesis runs here: no deadline for one example, since a busy build machine would miss it at random."""

from hypothesis import settings

settings.register_profile("tiergate", deadline=None)
settings.load_profile("tiergate")
