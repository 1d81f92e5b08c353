"""Token stores: one contract, held by every store; and what is special about each."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from requests_oauth2client import (
    BearerToken,
    CorruptTokenStore,
    DPoPKey,
    EncryptedTokenStore,
    FileTokenStore,
    InvalidParam,
    KeyringTokenStore,
    MemoryTokenStore,
    MissingPackage,
    RedisTokenStore,
    SqliteTokenStore,
    TokenStore,
    TokenStoreUnavailable,
    token_stores,
)
from requests_oauth2client.token_store import Entry, StoredToken, token_key
from requests_oauth2client.token_stores import file as file_store

from .redis_server import RedisServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, OTHER = "a" * 64, "users/alice \n ../☃"
SECRET = "s3cr3t-t3xt"
ROOT = Path(__file__).parents[1]

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
redis = [pytest.mark.servers, pytest.mark.xdist_group("redis")]


class Backend:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, name: str) -> str | None:
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self.entries[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        del self.entries[service, name]


class BrokenBackend(Backend):
    """A keyring that is locked."""

    def _locked(self, *args: object) -> Any:
        msg = "locked"
        raise RuntimeError(msg)

    get_password = set_password = delete_password = _locked  # type: ignore[assignment]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


NAMES = ["memory", "file", "sqlite", "keyring", "encrypted", pytest.param("redis", marks=redis)]


@pytest.fixture(params=NAMES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TokenStore]:
    """Each store in turn, empty."""
    match request.param:
        case "memory":
            yield MemoryTokenStore(lock_timeout=0.2)
        case "file":
            yield FileTokenStore(tmp_path / "tokens", lock_timeout=0.2)
        case "sqlite":
            store = SqliteTokenStore(tmp_path / "tokens.db", lock_timeout=0.2)
            yield store
            store.close()
        case "keyring":
            yield KeyringTokenStore(backend=Backend(), lock_directory=tmp_path / "locks", lock_timeout=0.2)
        case "encrypted":
            yield EncryptedTokenStore(FileTokenStore(tmp_path / "tokens", lock_timeout=0.2), Fernet.generate_key())
        case "redis":
            server = request.getfixturevalue("redis_server")
            import redis

            client = redis.Redis.from_url(server.url)
            yield RedisTokenStore(client, prefix=f"{tmp_path.name}:", lease=0.3, lock_timeout=0.2)
            client.close()


class TestContract:
    def test_protocol(self, store):
        """A store has the four methods."""
        assert isinstance(store, TokenStore)
        assert SECRET not in repr(store)

    @pytest.mark.parametrize("key", [KEY, OTHER])
    @pytest.mark.parametrize("text", ["text", "ü☃\n\x00 '\"", "x" * 100_000])
    def test_what_is_put_comes_back(self, store, key, text):
        """A text comes back as it was put, under its key only."""
        assert store.get(key) is None
        assert store.put(key, text, replacing=None) is True
        assert store.get(key) == text
        assert store.get(key + "x") is None

    def test_replacing(self, store):
        """A text replaces the one that the writer knows of, and no other."""
        assert store.put(KEY, "1", replacing="0") is False
        assert store.put(KEY, "1", replacing=None) is True
        assert store.put(KEY, "2", replacing=None) is False
        assert store.put(KEY, "2", replacing="0") is False
        assert store.get(KEY) == "1"
        assert store.put(KEY, "2", replacing="1") is True
        assert store.get(KEY) == "2"

    def test_delete(self, store):
        """What was deleted is gone, and may be deleted again; other keys stay."""
        store.delete(KEY)
        store.put(KEY, "1", replacing=None)
        store.put(OTHER, "2", replacing=None)
        store.delete(KEY)
        store.delete(KEY)
        assert store.get(KEY) is None
        assert store.get(OTHER) == "2"
        assert store.put(KEY, "3", replacing=None) is True

    def test_one_writer_wins(self, store):
        """Of many who replace the same text at once, one succeeds."""
        store.put(KEY, "0", replacing=None)
        barrier = threading.Barrier(8)

        def write(name):
            barrier.wait()
            return store.put(KEY, f"{name} won", replacing="0")

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        assert sum(won) == 1
        assert store.get(KEY) == f"{won.index(True)} won"

    def test_lock(self, store):
        """Only one holder at a time is inside the lock of a key, and all come to it."""
        if not isinstance(store, EncryptedTokenStore):
            store.lock_timeout = 20
            getattr(store, "_locks", store).timeout = 20
        else:
            store.store._locks.timeout = 20
        inside, most = [], []

        def hold(_):
            with store.lock(KEY):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(hold, range(16)))
        assert most == [1] * 16

    def test_lock_of_one_key(self, store):
        """A lock blocks neither other keys nor the reading and writing of its own, and is free after an error."""

        def fail():
            with store.lock(KEY), store.lock(OTHER), ThreadPoolExecutor(1) as pool:
                assert store.put(KEY, "1", replacing=None)
                assert pool.submit(store.get, KEY).result(5) == "1"
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        with store.lock(KEY):
            """It is free."""

    def test_lock_that_is_not_free(self, store):
        """Who waits too long for a lock is told."""

        def other():
            with store.lock(KEY):
                """Never reached."""

        with (
            store.lock(KEY),
            ThreadPoolExecutor(1) as pool,
            pytest.raises(TokenStoreUnavailable, match=r"for 0\.2 s"),
        ):
            pool.submit(other).result(10)


class TestMemory:
    def test_locks_are_forgotten(self):
        """A store of many users does not keep a lock for each."""
        store = MemoryTokenStore()
        for number in range(100):
            with store.lock(str(number)):
                assert len(store._locks) == 1
        assert len(store._locks) == 0


class TestFile:
    @pytest.fixture
    def store(self, tmp_path):
        store = FileTokenStore(tmp_path / "a" / "tokens")
        store.put(KEY, SECRET, replacing=None)
        return store

    @staticmethod
    def path(store) -> Path:
        return store.directory / f"{KEY}.token"

    def test_survives(self, store):
        """Another store on the same directory has the same texts."""
        assert FileTokenStore(str(store.directory)).get(KEY) == SECRET
        assert pickle.loads(pickle.dumps(store)).get(KEY) == SECRET

    @posix
    def test_modes(self, store):
        """Nobody else can read the tokens, whatever the umask is."""
        old = os.umask(0)
        try:
            other = FileTokenStore(store.directory.parent / "open")
            other.put(KEY, SECRET, replacing=None)
            with other.lock(KEY):
                """Makes a file."""
        finally:
            os.umask(old)
        assert stat.S_IMODE(other.directory.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in other.directory.iterdir()} == {0o600}

    @posix
    def test_directory_of_all(self, tmp_path):
        """A directory where everybody can write is refused."""
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(0o777)
        with pytest.raises(InvalidParam, match="Others can write"):
            FileTokenStore(tmp_path / "open")

    def test_no_directory(self, tmp_path):
        """A path that cannot be a directory is told."""
        (tmp_path / "file").write_text("")
        with pytest.raises(TokenStoreUnavailable, match="cannot be used"):
            FileTokenStore(tmp_path / "file")

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x00" * 100,
            b"[" * 100_000,
            b"[]",
            b'"text"',
            b'{"format": "other", "key": "' + KEY.encode() + b'", "text": "t"}',
            json.dumps({"format": file_store.FORMAT, "key": OTHER, "text": "t"}).encode(),
            json.dumps({"format": file_store.FORMAT, "key": KEY, "text": 1}).encode(),
            b"\xff\xfe",
        ],
        ids=["empty", "zeros", "nested", "list", "text", "format", "moved", "number", "no utf-8"],
    )
    def test_foreign_files(self, store, content):
        """A file that is damaged, or not ours, is an error; it is neither overwritten nor deleted."""
        self.path(store).write_bytes(content)
        for use in (
            lambda: store.get(KEY),
            lambda: store.put(KEY, "new", replacing=None),
            lambda: store.put(KEY, "new", replacing=SECRET),
            lambda: store.delete(KEY),
        ):
            with pytest.raises(CorruptTokenStore) as raised:
                use()
            assert SECRET not in str(raised.value)
        assert self.path(store).read_bytes() == content

    @posix
    def test_links_and_pipes(self, store, tmp_path):
        """A link, a directory or a pipe in the place of a token is not followed, nor waited for."""
        target = tmp_path / "target"
        target.write_bytes(self.path(store).read_bytes())
        self.path(store).unlink()
        for make in (
            lambda path: path.symlink_to(target),
            lambda path: os.mkfifo(path, 0o600),
        ):
            make(self.path(store))
            with pytest.raises(CorruptTokenStore):
                store.get(KEY)
            with pytest.raises(CorruptTokenStore):
                store.put(KEY, "new", replacing=None)
            self.path(store).unlink()
        assert SECRET in target.read_text()

    @posix
    def test_writable_by_others(self, store):
        """A token that others can write is not trusted."""
        self.path(store).chmod(0o620)
        with pytest.raises(CorruptTokenStore, match="others can write"):
            store.get(KEY)

    def test_killed_writer(self, store):
        """A file that a killed writer left unfinished is no token, and does not disturb the next."""
        unfinished = store.directory / f".{KEY}.token.new"
        unfinished.write_text('{"format"')
        assert store.get(KEY) == SECRET
        assert store.put(KEY, "new", replacing=SECRET)
        assert store.get(KEY) == "new"
        assert not unfinished.exists()

    @posix
    def test_failing_disk(self, store, monkeypatch):
        """A disk that fails is told, without the text; what was there stays."""

        def fail(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(TokenStoreUnavailable, match="errno 28") as raised:
            store.put(KEY, "new-s3cr3t", replacing=SECRET)
        assert "s3cr3t" not in str(raised.value)
        assert isinstance(raised.value.__cause__, OSError)
        monkeypatch.undo()
        assert store.get(KEY) == SECRET

    def test_no_permission(self, store, monkeypatch):
        """A file that cannot be read or deleted is told."""

        def refuse(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", refuse)
            with pytest.raises(TokenStoreUnavailable, match="Cannot delete"):
                store.delete(KEY)
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            with pytest.raises(TokenStoreUnavailable, match=r"Cannot read .* errno 13"):
                store.get(KEY)

    def test_directory_gone(self, store):
        """A directory that is not there any more is told by what would write."""
        shutil.rmtree(store.directory)
        assert store.get(KEY) is None
        store.directory.write_text("a file")
        with pytest.raises(TokenStoreUnavailable):
            store.put(KEY, SECRET, replacing=None)
        with pytest.raises(TokenStoreUnavailable), store.lock(KEY):
            pytest.fail("a lock without a file")

    def test_missing_package(self, tmp_path, monkeypatch):
        """Without the lock library, the error says what to install."""
        monkeypatch.setitem(sys.modules, "filelock", None)
        with pytest.raises(MissingPackage, match=r"requests_oauth2client\[file\]"):
            FileTokenStore(tmp_path)


class TestSqlite:
    @pytest.fixture
    def store(self, tmp_path):
        store = SqliteTokenStore(tmp_path / "tokens.db")
        store.put(KEY, SECRET, replacing=None)
        yield store
        store.close()

    def test_survives(self, store):
        """Another store on the same database has the same texts, also one that was sent to another process."""
        store.close()
        again = pickle.loads(pickle.dumps(store))
        assert again.get(KEY) == SECRET
        again.close()

    @posix
    def test_modes(self, store):
        """Nobody else can read the database, nor what SQLite puts beside it."""
        files = list(store.path.parent.glob("tokens.db*"))
        assert len(files) >= 3
        assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} == {0}

    def test_foreign_database(self, tmp_path):
        """The database of another program, or no database at all, is left as it is."""
        other = tmp_path / "other.db"
        connection = sqlite3.connect(other)
        connection.execute("CREATE TABLE tokens (key, text)")
        connection.commit()
        connection.close()
        (tmp_path / "text.db").write_text("no database" * 1000)
        for path in (other, tmp_path / "text.db"):
            before = path.read_bytes()
            with pytest.raises(CorruptTokenStore, match="no database of tokens"):
                SqliteTokenStore(path)
            assert path.read_bytes() == before

    @pytest.mark.parametrize("path", [":memory:", ""])
    def test_memory(self, path):
        """A database in memory cannot be shared."""
        with pytest.raises(InvalidParam, match="MemoryTokenStore"):
            SqliteTokenStore(path)

    def test_unreachable(self, tmp_path, store):
        """A database that cannot be opened, or is not there any more, is told."""
        (tmp_path / "directory").mkdir()
        with pytest.raises(TokenStoreUnavailable, match="cannot be opened"):
            SqliteTokenStore(tmp_path / "directory")
        store._connection.execute("DROP TABLE tokens")
        with pytest.raises(TokenStoreUnavailable, match="no such table"):
            store.get(KEY)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_fork(self, store):
        """A child opens a connection of its own, and both go on."""
        child = os.fork()
        if child == 0:
            try:
                ok = store.get(KEY) == SECRET and store.put(KEY, "child", replacing=SECRET)
                os._exit(0 if ok else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert store.get(KEY) == "child"


class TestKeyring:
    def test_chosen_backend(self, tmp_path, monkeypatch):
        """By default, the keyring is the one of the system."""
        import keyring

        backend = Backend()
        monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
        store = KeyringTokenStore("my app", lock_directory=tmp_path)
        store.put(KEY, SECRET, replacing=None)
        assert backend.entries == {("my app", KEY): SECRET}

    def test_locked(self, tmp_path):
        """A keyring that is locked is told."""
        store = KeyringTokenStore(backend=BrokenBackend(), lock_directory=tmp_path)
        for use in (lambda: store.get(KEY), lambda: store.put(KEY, SECRET, replacing=None), lambda: store.delete(KEY)):
            with pytest.raises(TokenStoreUnavailable, match="RuntimeError") as raised:
                use()
            assert isinstance(raised.value.__cause__, RuntimeError)
            assert SECRET not in str(raised.value)


class TestEncrypted:
    @pytest.fixture
    def inner(self):
        return MemoryTokenStore()

    def test_nothing_is_readable(self, inner):
        """The other store sees neither text nor how two texts relate."""
        store = EncryptedTokenStore(inner, Fernet.generate_key())
        store.put(KEY, SECRET, replacing=None)
        store.put(OTHER, SECRET, replacing=None)
        assert SECRET not in inner.get(KEY)
        assert inner.get(KEY) != inner.get(OTHER)
        assert SECRET not in repr(store)

    def test_rotation(self, inner):
        """A new key goes first; the old one decrypts until all was renewed, or rotated."""
        old, new = Fernet.generate_key().decode(), Fernet.generate_key()
        EncryptedTokenStore(inner, old).put(KEY, SECRET, replacing=None)
        both = EncryptedTokenStore(inner, [new, old])
        assert both.get(KEY) == SECRET
        both.rotate(KEY)
        both.rotate(OTHER)
        assert EncryptedTokenStore(inner, new).get(KEY) == SECRET
        assert inner.get(OTHER) is None
        with pytest.raises(CorruptTokenStore, match="another key"):
            EncryptedTokenStore(inner, old).get(KEY)

    def test_wrong_key(self, inner):
        """With a wrong key, nothing is read, and nothing overwritten."""
        EncryptedTokenStore(inner, Fernet.generate_key()).put(KEY, SECRET, replacing=None)
        before = inner.get(KEY)
        store = EncryptedTokenStore(inner, Fernet.generate_key())
        for use in (lambda: store.get(KEY), lambda: store.put(KEY, "new", replacing=None), lambda: store.rotate(KEY)):
            with pytest.raises(CorruptTokenStore, match="cannot be decrypted"):
                use()
        assert inner.get(KEY) == before

    def test_swapped(self, inner):
        """The token of one user cannot be put in the place of another's, nor a plain text there."""
        store = EncryptedTokenStore(inner, Fernet.generate_key())
        store.put("alice", SECRET, replacing=None)
        inner.put("bob", inner.get("alice"), replacing=None)
        inner.put("carol", "plain ☃", replacing=None)
        with pytest.raises(CorruptTokenStore, match="put here"):
            store.get("bob")
        with pytest.raises(CorruptTokenStore, match="decrypted"):
            store.get("carol")

    def test_outer_and_inner_lock(self, inner):
        """The lock is that of the other store."""
        store = EncryptedTokenStore(inner, Fernet.generate_key())
        with store.lock(KEY):
            assert inner._locks[KEY].lock.locked()

    @pytest.mark.parametrize(
        "keys", ["short", b"short", [], ["A" * 43 + "=", "x"], [1]], ids=["text", "bytes", "none", "second", "number"]
    )
    def test_bad_keys(self, inner, keys):
        """What is no key is told at once."""
        with pytest.raises(InvalidParam, match="Fernet"):
            EncryptedTokenStore(inner, keys)


def test_unknown_store():
    """A store that is not there is an `AttributeError`, as in any module."""
    with pytest.raises(AttributeError, match="OtherTokenStore"):
        token_stores.OtherTokenStore  # noqa: B018 - reading it is the test


def describe(**changes: Any) -> str:
    described = {
        "server": "https://as.local",
        "client_id": "client",
        "grant_type": "client_credentials",
        "parameters": {},
        **changes,
    }
    return token_key(**described)


class TestKeys:
    @pytest.mark.parametrize(
        "changes",
        [
            {"server": "https://other.local"},
            {"client_id": "other"},
            {"client_id": None},
            {"grant_type": "password"},
            *[
                {"parameters": parameters}
                for parameters in (
                    {"username": "alice"},
                    {"store_key": "alice"},
                    {"scope": "read"},
                    {"resource": "https://api.local/"},
                    {"resource": ["https://api.local/", "https://b.local/"]},
                    {"audience": "https://api.local/"},
                    {"x": 1},
                    {"x": True},
                    {"x": {"a": 1}},
                    {"x": {"a": 2}},
                    {"dpop": True},
                )
            ],
        ],
        ids=str,
    )
    def test_all_that_decides(self, changes):
        """Everything that decides which token it is makes another key."""
        assert describe(**changes) != describe()

    def test_distinct(self):
        """No two keys are the same by the way in which they are put together."""
        parameters = [{"a": "b", "c": "d"}, {"a": "bc", "d": ""}, {"a": ["b", "c"]}, {"a": "b c"}, {"a": {"b": "c"}}]
        assert len({describe(parameters=each) for each in parameters}) == len(parameters)

    def test_thumbprint(self):
        """The key that a token is bound to makes another key, by its thumbprint."""
        one, two = DPoPKey.generate(), DPoPKey.generate()
        keys = [describe(parameters={"dpop_key": key}) for key in (one, two, DPoPKey(**one.as_dict()))]
        assert keys[0] != keys[1]
        assert keys[0] == keys[2]

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ({"scope": "read write"}, {"scope": ["write", "read"]}),
            ({"scope": ("read",)}, {"scope": {"read"}}),
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
            ({"x": None}, {}),
            ({"x": {1, 2}}, {"x": [1, 2]}),
            ({"password": "one"}, {"password": "two"}),
        ],
        ids=["order", "types", "names", "none", "set", "password"],
    )
    def test_what_decides_nothing(self, one, two):
        """Order, and how a user proves who they are, make no difference."""
        assert describe(parameters=one) == describe(parameters=two)

    def test_same_in_every_process(self):
        """A key does not depend on the process that makes it."""
        code = "from requests_oauth2client.token_store import token_key; print(token_key(server='s', client_id='c', grant_type='g', parameters={'scope': {'a', 'b'}}))"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        parameters = {"scope": {"b", "a"}}
        assert run.stdout.strip() == token_key(server="s", client_id="c", grant_type="g", parameters=parameters)

    def test_credentials(self):
        """A credential cannot be part of a key: who gives one must tell whose token it is."""
        with pytest.raises(InvalidParam, match=r"\['subject_token'\].*store_key"):
            describe(parameters={"subject_token": SECRET})
        one = describe(parameters={"subject_token": SECRET, "store_key": "alice"})
        assert one == describe(parameters={"subject_token": "other", "store_key": "alice"})

    @pytest.mark.parametrize("value", [object(), {1, "a"}, {(1, 2): 3}, float], ids=["object", "set", "dict", "class"])
    def test_what_cannot_be_described(self, value):
        """Something that has no text cannot be part of a key."""
        with pytest.raises(InvalidParam, match="JSON types"):
            describe(parameters={"x": value})


class TestEntries:
    def entry(self, token_class: type[BearerToken] = BearerToken, server: str = "https://as.local") -> Entry:
        return Entry(MemoryTokenStore(), KEY, server, token_class)

    def test_all_survives(self):
        """Expiry, refresh token, lifetime and everything else come back."""
        token = BearerToken("at", expires_in=60, refresh_token="rt", scope="a b", other={"x": [1]})
        stored = StoredToken(token, 60.0)
        assert self.entry().load(self.entry().dump(stored)) == stored
        forever = StoredToken(BearerToken("at"), None)
        assert self.entry().load(self.entry().dump(forever)) == forever

    def test_own_class(self):
        """A token of one's own class comes back as such."""

        class Mine(BearerToken):
            TOKEN_TYPE = "mine"

        text = self.entry(Mine).dump(StoredToken(Mine("at"), None))
        assert type(self.entry(Mine).load(text).token) is Mine

    @pytest.mark.parametrize(
        "text",
        ["", "text", "{}", "[]", "null", "[" * 100_000, '{"server":"https://as.local","lifetime":1,"token":"x"}'],
        ids=[f"text {number}" for number in range(7)],
    )
    def test_no_token(self, text):
        """What is no token is told, not used."""
        with pytest.raises(CorruptTokenStore, match="left as it is"):
            self.entry().load(text)

    def test_no_lifetime(self):
        """A lifetime that no float can hold is damage too."""
        text = self.entry().dump(StoredToken(BearerToken("at"), None))
        with pytest.raises(CorruptTokenStore):
            self.entry().load(text.replace('"lifetime":null', f'"lifetime":{"9" * 400}'))

    def test_other_server(self):
        """The token of another server is not used."""
        text = self.entry(server="https://other.local").dump(StoredToken(BearerToken("at", refresh_token="rt"), None))
        with pytest.raises(CorruptTokenStore):
            self.entry().load(text)
