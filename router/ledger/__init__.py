"""The ledger: every token, once, with its price."""
