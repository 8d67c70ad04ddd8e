"""Tiers: groups of equal replicas, each an engine that speaks the OpenAI API."""
