"""The embedded engine: a GGUF model in llama.cpp, decoded for many requests at once by a process of its own."""

from tiers.llamacpp.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
