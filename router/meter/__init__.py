"""The meter: what the engines' own counters say, kept beside the ledger."""
