"""What the routing brain is worth on public tables, beside baselines, chance and an oracle."""
