"""What budgets and rate limits cost a request."""
