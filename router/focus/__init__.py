"""The FOCUS export: the ledger's costs as a FinOps Open Cost and Usage dataset, version 1.4."""
