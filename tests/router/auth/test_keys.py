"""API keys."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from router.auth.keys import KeysError, KeyStore
from router.limits.rules import Own

NOW_NS = 1_000


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def store(place: Path, clock: Clock) -> Iterator[KeyStore]:
    with closing(KeyStore.open(place, environ={}, clock=clock, now_ns=lambda: NOW_NS)) as store:
        yield store


@pytest.mark.parametrize("shown", ["Bearer {}", "bearer   {} ", "{}"])
def test_a_secret_proves_its_key(store, shown):
    """The header with or without its scheme gives the key that was made, with all that it allows."""
    key, secret = store.create(team="search", user="ada", role="admin", models=["auto"], expires_ns=2_000)
    assert store.verify(shown.format(secret)) == key
    assert (key.team, key.user, key.role, key.models) == ("search", "ada", "admin", ("auto",))


def test_a_secret_has_the_promised_form(store):
    """`tg-<id>-` and at least 32 random URL-safe characters, never the same twice."""
    (key, one), (_, other) = store.create(team="a"), store.create(team="a")
    prefix, key_id, random = one.split("-", 2)
    assert (prefix, key_id) == ("tg", key.id)
    assert len(random) >= 32
    assert random.replace("-", "").replace("_", "").isalnum()
    assert one != other


def test_nothing_else_proves_a_key(store):
    """A wrong, cut, swapped, empty, missing or foreign value is refused."""
    (one, secret), (other, _) = store.create(team="a"), store.create(team="b")
    wrong = [
        *(None, "", "Bearer", "Bearer ", "tg--", "tg-\udcff-x", "sk-abc", f"Basic {secret}"),
        *(secret[:-1], secret + "x", secret.upper(), secret.replace(one.id, other.id)),
    ]
    assert [store.verify(value) for value in wrong] == [None] * len(wrong)


def test_a_revoked_key_stops(store):
    """Revoking takes effect at once in the process that did it, and only once."""
    key, secret = store.create(team="a")
    assert store.revoke(key.id)
    assert store.verify(secret) is None
    assert not store.revoke(key.id)
    assert not store.revoke("unknown")


def test_a_key_stops_when_it_expires(place, clock):
    """From `expires_ns` on the key is refused."""
    now = [0]
    with closing(KeyStore.open(place, environ={}, clock=clock, now_ns=lambda: now[0])) as store:
        key, secret = store.create(team="a", expires_ns=500)
        now[0] = 499
        assert store.verify(secret) == key
        now[0] = 500
        assert store.verify(secret) is None


def test_what_another_process_does_is_seen_within_a_second(store, place, clock):
    """A key made or revoked elsewhere works or stops after the next poll."""
    with closing(KeyStore.open(place, environ={})) as elsewhere:
        key, secret = elsewhere.create(team="a")
        clock.now = 1.0
        assert store.verify(secret).id == key.id
        elsewhere.revoke(key.id)
        clock.now = 1.9
        assert store.verify(secret) is not None
        clock.now = 2.0
        assert store.verify(secret) is None


def test_keys_are_listed_without_their_secrets(store):
    """Oldest first, revoked ones too."""
    first, _ = store.create(team="a")
    second, _ = store.create(team="b")
    store.revoke(first.id)
    assert {(key.id, key.revoked_ns) for key in store.list()} == {(first.id, NOW_NS), (second.id, None)}


def test_no_file_holds_a_secret(store, place):
    """Neither the secret nor its random part is anywhere on the disk."""
    _, secret = store.create(team="a")
    stored = b"".join(file.read_bytes() for file in place.parent.iterdir())
    assert secret.split("-", 2)[2].encode() not in stored


def test_only_the_owner_reads_the_files(store, place):
    """Keys and pepper are made with mode 0600."""
    store.create(team="a")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in place.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"ledger.keys.db", "ledger.keys.pepper"} <= modes.keys()


def test_the_pepper_stays_over_a_restart(place):
    """What was made before works after."""
    with closing(KeyStore.open(place, environ={})) as store:
        _, secret = store.create(team="a")
    with closing(KeyStore.open(place, environ={})) as store:
        assert store.verify(secret) is not None


def test_a_pepper_from_the_environment_is_used_instead(place):
    """With TIERGATE_PEPPER no file is made, and hashes made with another pepper prove nothing."""
    with closing(KeyStore.open(place, environ={"TIERGATE_PEPPER": "one"})) as store:
        _, secret = store.create(team="a")
        assert store.verify(secret) is not None
    with closing(KeyStore.open(place, environ={"TIERGATE_PEPPER": "two"})) as store:
        assert store.verify(secret) is None
    assert not place.with_suffix(".keys.pepper").exists()


def test_a_file_that_holds_no_keys_is_named(place):
    """What cannot be opened is said with its name, and left as it is."""
    place.with_suffix(".keys.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(KeysError, match=r"ledger\.keys\.db: file is not a database"):
        KeyStore.open(place, environ={"TIERGATE_PEPPER": "one"})


def test_unreadable_keys_do_not_stop_the_known_ones(store, place, clock):
    """While the file cannot be read the keys known so far go on working."""
    key, secret = store.create(team="a")
    with closing(sqlite3.connect(place.with_suffix(".keys.db"))) as elsewhere:
        elsewhere.execute("ALTER TABLE api_key RENAME TO gone")
    clock.now = 5.0
    assert store.verify(secret) == key


def test_a_rotated_key_has_two_secrets_for_a_while(place, clock):
    """The new secret works at once, the one before until the overlap ends, the one before that not at all."""
    now = [0]
    with closing(KeyStore.open(place, environ={}, clock=clock, now_ns=lambda: now[0])) as store:
        key, first = store.create(team="a", own=Own(rpm=5))
        second = store.rotate(key.id, overlap_s=100)
        third = store.rotate(key.id, overlap_s=10)
        assert [store.verify(secret) is not None for secret in (first, second, third)] == [False, True, True]
        assert store.verify(third).id == key.id and store.verify(second).own == Own(rpm=5)
        now[0] = 10_000_000_000
        assert [store.verify(secret) is not None for secret in (second, third)] == [False, True]
        store.revoke(key.id)
        assert store.verify(third) is None and store.rotate(key.id, overlap_s=10) is None
        assert store.rotate("unknown", overlap_s=10) is None


def test_what_a_key_may_use_is_kept(place):
    """Tiers, rates and budget are there again after a restart."""
    own = Own(rpm=60, tpm=9_000, budget_nusd=25_000_000_000, budget_period="week")
    with closing(KeyStore.open(place, environ={})) as store:
        _, secret = store.create(team="a", tiers=["edge"], own=own)
    with closing(KeyStore.open(place, environ={})) as store:
        key = store.verify(secret)
        assert (key.tiers, key.own) == (("edge",), own)


def test_keys_of_the_first_release_go_on_working(place):
    """A table without the later columns gets them; its keys are valid and unlimited, and the old release reads on."""
    with closing(KeyStore.open(place, environ={"TIERGATE_PEPPER": "p"})) as store:
        key, secret = store.create(team="a")
    with closing(sqlite3.connect(place.with_suffix(".keys.db"))) as older:
        for column in ("tiers", "rpm", "tpm", "budget_nusd", "budget_period", "before", "overlap_ns"):
            older.execute(f"ALTER TABLE api_key DROP COLUMN {column}")
    stores = [KeyStore.open(place, environ={"TIERGATE_PEPPER": "p"}) for _ in range(2)]
    try:
        assert [store.verify(secret) for store in stores] == [key, key]
        with closing(sqlite3.connect(place.with_suffix(".keys.db"))) as older:
            assert older.execute("SELECT id, digest, team, user, role, models FROM api_key").fetchone()[0] == key.id
    finally:
        for store in stores:
            store.close()


def test_the_owner_learns_why_a_key_was_refused(place, clock):
    """Each kind of refusal is told to the listener with the key's id, never with what was shown."""
    told = []
    now = [0]
    with closing(KeyStore.open(place, environ={}, clock=clock, now_ns=lambda: now[0])) as store:
        store.listen(lambda *refusal: told.append(refusal))
        (old, expired), (gone, revoked) = store.create(team="a", expires_ns=5), store.create(team="a")
        store.revoke(gone.id)
        now[0] = 5
        for shown in (None, "sk-foreign", f"Bearer tg-{old.id}-guess", expired, revoked):
            assert store.verify(shown) is None
    assert told == [("none", ""), ("unknown", ""), ("wrong", old.id), ("expired", old.id), ("revoked", gone.id)]
