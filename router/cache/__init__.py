"""The cache of answers: exact repeats, each tenant's own."""

from router.cache.exact import Entry, ExactCache
from router.cache.key import cacheable, key, storable

__all__ = ["Entry", "ExactCache", "cacheable", "key", "storable"]
