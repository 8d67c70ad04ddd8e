"""API keys: made, listed and revoked in a small SQLite file, checked from memory."""

import hmac
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson

from router.auth.secret import digest, id_of, new_secret, presented, read_pepper

_log = logging.getLogger(__name__)

Role = Literal["use", "admin", "read"]
_POLL_S = 1.0
_NO_DIGEST = bytes(32)

_TABLE = """
CREATE TABLE IF NOT EXISTS api_key (
  id TEXT PRIMARY KEY,
  digest BLOB NOT NULL,
  team TEXT NOT NULL,
  user TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('use', 'admin', 'read')),
  models TEXT NOT NULL,
  created_ns INTEGER NOT NULL,
  expires_ns INTEGER,
  revoked_ns INTEGER
) STRICT
"""
_ALL = "SELECT id, team, user, role, models, created_ns, expires_ns, revoked_ns, digest FROM api_key"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret. models: what it may ask for, empty for all. Times: Unix nanoseconds."""

    id: str
    team: str
    user: str
    role: Role
    models: tuple[str, ...]
    created_ns: int
    expires_ns: int | None = None
    revoked_ns: int | None = None

    def valid_at(self, now_ns: int) -> bool:
        return self.revoked_ns is None and (self.expires_ns is None or now_ns < self.expires_ns)


class KeysError(ValueError):
    """The stored keys cannot be used; the message says which file and why."""


class KeyStore:
    """The keys of one installation. Made by `open`.

    Other processes may change the file: what they revoke stops working here within about a second.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        pepper: bytes,
        *,
        clock: Callable[[], float],
        now_ns: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._pepper = pepper
        self._clock = clock
        self._now_ns = now_ns
        self._version = -1
        self._polled = clock()
        self._keys: dict[str, tuple[Key, bytes]] = {}
        self._load()

    @classmethod
    def open(
        cls,
        ledger: Path,
        *,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> "KeyStore":
        """Take up the keys beside a ledger: `ledger.db` has its keys in `ledger.keys.db`.

        Their hashes need a pepper: the variable TIERGATE_PEPPER, else `ledger.keys.pepper`, made at first use
        with mode 0600. clock: seconds, monotonic. Raises KeysError where the files cannot be used.
        """
        path = ledger.with_suffix(".keys.db")
        given = (os.environ if environ is None else environ).get("TIERGATE_PEPPER")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            pepper = given.encode() if given else read_pepper(ledger.with_suffix(".keys.pepper"))
            return cls(_connect(path), pepper, clock=clock, now_ns=now_ns)
        except (OSError, sqlite3.Error) as error:
            raise KeysError(f"{path}: {error}; API keys are kept beside state.ledger") from error

    def create(
        self,
        *,
        team: str,
        user: str = "",
        role: Role = "use",
        models: Sequence[str] = (),
        expires_ns: int | None = None,
    ) -> tuple[Key, str]:
        """A new key and its secret, which is stored nowhere and cannot be shown again."""
        key_id, secret = new_secret()
        key = Key(key_id, team, user, role, tuple(models), self._now_ns(), expires_ns)
        self._connection.execute(
            "INSERT INTO api_key (id, digest, team, user, role, models, created_ns, expires_ns)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key.id, digest(secret, self._pepper), team, user, role,
                orjson.dumps(key.models).decode(), key.created_ns, expires_ns,
            ),
        )  # fmt: skip
        self._load()
        return key, secret

    def revoke(self, key_id: str) -> bool:
        """Whether there was such a key that still worked; it does no longer."""
        changed = self._connection.execute(
            "UPDATE api_key SET revoked_ns = ? WHERE id = ? AND revoked_ns IS NULL", (self._now_ns(), key_id)
        )
        self._load()
        return changed.rowcount > 0

    def list(self) -> list[Key]:
        """All keys ever made, the oldest first."""
        self._load()
        return sorted((key for key, _ in self._keys.values()), key=lambda key: (key.created_ns, key.id))

    def verify(self, header_value: str | None) -> Key | None:
        """The key that an `Authorization` (or `x-api-key`) value proves; None for every other value.

        An unknown id, a wrong secret, a revoked and an expired key take the same path and the same time.
        """
        self._poll()
        secret = presented(header_value)
        key, expected = self._keys.get(id_of(secret), (None, _NO_DIGEST))
        same = hmac.compare_digest(digest(secret, self._pepper), expected)
        return key if key is not None and same and key.valid_at(self._now_ns()) else None

    def close(self) -> None:
        self._connection.close()

    def _poll(self) -> None:
        now = self._clock()
        if now - self._polled < _POLL_S:
            return
        self._polled = now
        try:
            if self._data_version() != self._version:
                self._load()
        except sqlite3.Error as error:
            _log.error("the API keys cannot be read again, the ones known so far stay: %s", error)

    def _load(self) -> None:
        version = self._data_version()
        rows = self._connection.execute(_ALL)
        self._keys = {
            key_id: (Key(key_id, team, user, role, tuple(orjson.loads(models)), *times), proof)
            for key_id, team, user, role, models, *times, proof in rows
        }
        self._version = version

    def _data_version(self) -> int:
        """Changes when another connection has changed the file."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _connect(path: Path) -> sqlite3.Connection:
    """Made readable by its owner alone; SQLite gives its -wal file the same mode."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(_TABLE)
    except BaseException:
        connection.close()
        raise
    return connection
