"""The soak: the gateway under load for a long time while everything behind it breaks now and then."""
