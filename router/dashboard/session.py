"""The session cookie of the dashboard: signed, short-lived, and worth nothing once its key is revoked."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

from router.auth.keys import Key, KeyStore
from router.auth.secret import read_pepper

COOKIE = "tiergate_session"
LASTS_S = 8 * 3600


class Sessions:
    """secret: signs. clock: Unix seconds."""

    def __init__(self, keys: KeyStore, secret: bytes, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._secret = secret
        self._clock = clock

    @classmethod
    def beside(cls, ledger: Path, keys: KeyStore, clock: Callable[[], float]) -> "Sessions":
        """Signed with a secret file beside the ledger, made at first use with mode 0600."""
        return cls(keys, read_pepper(ledger.with_suffix(".sessions.pepper")), clock)

    def begin(self, key: Key) -> str:
        """The cookie of a new session; only for a key that was just proven."""
        said = f"{key.id}.{int(self._clock()) + LASTS_S}.{secrets.token_urlsafe(12)}"
        return f"{said}.{self._sign('session', said)}"

    def key_of(self, cookie: str) -> Key | None:
        """The key that the session belongs to, while both are valid."""
        said, _, signature = cookie.rpartition(".")
        if not _same(self._sign("session", said), signature):
            return None
        key_id, ends, _ = said.rsplit(".", 2)
        if self._clock() >= int(ends):
            return None
        now_ns = int(self._clock() * 1e9)
        return next((key for key in self._keys.list() if key.id == key_id and key.valid_at(now_ns)), None)

    def csrf(self, session: str) -> str:
        """The token that a form of this session carries."""
        return self._sign("csrf", session)

    def csrf_ok(self, session: str, token: str) -> bool:
        return _same(self.csrf(session), token)

    def _sign(self, purpose: str, said: str) -> str:
        return hmac.digest(self._secret, f"{purpose}:{said}".encode(), hashlib.sha256).hex()


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "replace"))
