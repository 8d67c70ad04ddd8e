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
from router.auth.table import COLUMNS, connect
from router.limits.rules import Own

_log = logging.getLogger(__name__)

Role = Literal["use", "admin", "read"]
Why = Literal["none", "unknown", "wrong", "revoked", "expired"]
Refused = Callable[[Why, str], None]
_POLL_S = 1.0
_NO_DIGEST = bytes(32)
_ALL = f"SELECT {', '.join(COLUMNS)} FROM api_key"  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret. Times: Unix nanoseconds.

    models, tiers: what it may ask for and be answered by, empty for all. own: its limits, None where it has none.
    overlap_ns: until when the secret before a rotation works too.
    """

    id: str
    team: str
    user: str
    role: Role
    models: tuple[str, ...]
    created_ns: int
    expires_ns: int | None = None
    revoked_ns: int | None = None
    tiers: tuple[str, ...] = ()
    own: Own | None = None
    overlap_ns: int | None = None

    def valid_at(self, now_ns: int) -> bool:
        return self.revoked_ns is None and (self.expires_ns is None or now_ns < self.expires_ns)


@dataclass(frozen=True, slots=True)
class _Known:
    """A key and what proves it. before: the digest from before a rotation."""

    key: Key
    digest: bytes
    before: bytes

    def proved_by(self, shown: bytes, now_ns: int) -> bool:
        """Both digests are compared whatever the first says."""
        same, old = hmac.compare_digest(shown, self.digest), hmac.compare_digest(shown, self.before)
        return same or (old and self.key.overlap_ns is not None and now_ns < self.key.overlap_ns)


_NOBODY = _Known(Key("", "", "", "use", (), 0, revoked_ns=0), _NO_DIGEST, _NO_DIGEST)


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
        self._keys: dict[str, _Known] = {}
        self._refused: Refused = _to_nobody
        self._tokens: Callable[[str], Key | None] | None = None
        self._load()

    def accept(self, tokens: Callable[[str], Key | None]) -> None:
        """From now on take an identity provider's tokens too. tokens: from a token to whom it proves."""
        self._tokens = tokens

    def listen(self, refused: Refused) -> None:
        """From now on tell of every refusal; the caller is told none of it."""
        self._refused = refused

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
            return cls(connect(path), pepper, clock=clock, now_ns=now_ns)
        except (OSError, sqlite3.Error) as error:
            raise KeysError(f"{path}: {error}; API keys are kept beside state.ledger") from error

    def create(
        self,
        *,
        team: str,
        user: str = "",
        role: Role = "use",
        models: Sequence[str] = (),
        tiers: Sequence[str] = (),
        own: Own | None = None,
        expires_ns: int | None = None,
    ) -> tuple[Key, str]:
        """A new key and its secret, which is stored nowhere and cannot be shown again."""
        key_id, secret = new_secret()
        key = Key(key_id, team, user, role, tuple(models), self._now_ns(), expires_ns, None, tuple(tiers), own)
        limits = own or Own()
        values = {
            "id": key_id, "digest": digest(secret, self._pepper), "team": team, "user": user, "role": role,
            "models": orjson.dumps(key.models).decode(), "tiers": orjson.dumps(key.tiers).decode(),
            "created_ns": key.created_ns, "expires_ns": expires_ns, "rpm": limits.rpm, "tpm": limits.tpm,
            "budget_nusd": limits.budget_nusd, "budget_period": limits.budget_period,
        }  # fmt: skip
        named = ", ".join(values)
        places = ", ".join(f":{name}" for name in values)
        self._connection.execute(f"INSERT INTO api_key ({named}) VALUES ({places})", values)  # noqa: S608 - our own names
        self._load()
        return key, secret

    def rotate(self, key_id: str, *, overlap_s: float) -> str | None:
        """A new secret for a key; the one before works for `overlap_s` more. None where no such key still works.

        The key keeps its id, and with it its spending and limits.
        """
        secret, now_ns = new_secret(key_id)[1], self._now_ns()
        changed = self._connection.execute(
            "UPDATE api_key SET before = digest, digest = ?, overlap_ns = ?"
            " WHERE id = ? AND revoked_ns IS NULL AND (expires_ns IS NULL OR expires_ns > ?)",
            (digest(secret, self._pepper), now_ns + int(overlap_s * 1e9), key_id, now_ns),
        )
        self._load()
        return secret if changed.rowcount else None

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
        return sorted(self.known(), key=lambda key: (key.created_ns, key.id))

    def known(self) -> Sequence[Key]:
        """All keys as last read, in no order, at once."""
        return [known.key for known in self._keys.values()]

    def verify(self, header_value: str | None) -> Key | None:
        """The key that an `Authorization` (or `x-api-key`) value proves; None for every other value.

        An unknown id, a wrong secret, a revoked and an expired key take the same path and the same time.
        """
        self._poll()
        secret, now_ns = presented(header_value), self._now_ns()
        if self._tokens is not None and secret.count(".") == 2:
            if (key := self._tokens(secret)) is None:
                self._refused("wrong", "oidc")
            return key
        known = self._keys.get(id_of(secret), _NOBODY)
        proved = known.proved_by(digest(secret, self._pepper), now_ns)
        valid = known.key.valid_at(now_ns)
        if proved and valid:
            return known.key
        self._refused(_why(known, secret, proved=proved), known.key.id)
        return None

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
        self._keys = {row["id"]: _known(row) for row in self._connection.execute(_ALL)}
        self._version = version

    def _data_version(self) -> int:
        """Changes when another connection has changed the file."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _why(known: _Known, secret: str, *, proved: bool) -> Why:
    if not secret:
        return "none"
    if known is _NOBODY:
        return "unknown"
    if not proved:
        return "wrong"
    return "revoked" if known.key.revoked_ns is not None else "expired"


def _to_nobody(_why: Why, _key_id: str) -> None:
    pass


def _known(row: sqlite3.Row) -> _Known:
    limits = Own(row["rpm"], row["tpm"], row["budget_nusd"], row["budget_period"])
    key = Key(
        row["id"], row["team"], row["user"], row["role"], tuple(orjson.loads(row["models"])), row["created_ns"],
        row["expires_ns"], row["revoked_ns"], tuple(orjson.loads(row["tiers"])),
        None if limits.unlimited else limits, row["overlap_ns"],
    )  # fmt: skip
    return _Known(key, row["digest"], row["before"] or _NO_DIGEST)
