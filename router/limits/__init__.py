"""What may still be spent and asked for: budgets in money or tokens, and rates a minute."""
