"""The cache of answers: exact repeats, each tenant's own."""
