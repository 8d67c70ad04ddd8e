"""Who asks: API keys, hashed at rest, checked in memory."""
