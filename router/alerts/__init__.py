"""Alerts: what is wrong or about to be, said once, to whom it concerns."""
