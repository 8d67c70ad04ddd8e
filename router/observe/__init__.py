"""Seeing what happens: one typed event per thing, and the listeners that turn it into rows, figures and lines."""
