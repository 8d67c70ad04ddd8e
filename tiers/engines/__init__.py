"""What differs between OpenAI-compatible servers: one small file each."""
