"""Fuzzing: whatever callers and engines send, no defect shows."""
