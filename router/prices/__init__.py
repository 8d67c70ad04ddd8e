"""Prices: what a token costs on each tier."""

from router.prices.book import PriceBook

__all__ = ["PriceBook"]
