"""Replay: yesterday's requests under another policy, from what the ledger keeps of their decisions."""
