"""Classifier: how hard a request is for each tier, and how long its answer will be."""
