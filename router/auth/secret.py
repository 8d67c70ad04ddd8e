"""The secret of an API key: how it is made, taken apart and hashed."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

_PREFIX = "tg"
_PEPPER_BYTES = 32


def new_secret(key_id: str = "") -> tuple[str, str]:
    """(id, secret): the secret is `tg-<id>-<43 random URL-safe characters>`, 256 bits of it random.

    key_id: of a key that gets another secret; a new id when empty.
    """
    key_id = key_id or secrets.token_hex(6)
    return key_id, f"{_PREFIX}-{key_id}-{secrets.token_urlsafe(32)}"


def presented(header_value: str | None) -> str:
    """The secret in an `Authorization: Bearer ...` value, or the value itself where there is no scheme."""
    value = (header_value or "").strip()
    scheme, space, rest = value.partition(" ")
    return rest.strip() if space and scheme.lower() == "bearer" else value


def id_of(secret: str) -> str:
    """The key's id in a secret; "" where the text has not the form of one."""
    parts = secret.split("-", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else ""


def digest(secret: str, pepper: bytes) -> bytes:
    """HMAC-SHA256: the secret is random, so a slow hash would add nothing but time to every request."""
    return hmac.digest(pepper, secret.encode("utf-8", "replace"), hashlib.sha256)


def read_pepper(path: Path) -> bytes:
    """The pepper in this file, made at first use and readable by its owner alone."""
    if not path.exists():
        _make_pepper(path)
    return path.read_bytes()


def _make_pepper(path: Path) -> None:
    """Written aside and linked into place, so that of two makers one wins and nobody reads half of it."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_PEPPER_BYTES))
        path.hardlink_to(aside)
    except FileExistsError:
        return
    finally:
        aside.unlink()
