"""Reconcile: the ledger against what others counted, and what a gap comes from."""
