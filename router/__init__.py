"""The router: the only package that knows tiers, classifier and policies, and the way a request takes through them."""
