"""Bundled models and files on this machine: what resolves, and what the errors say."""

import hashlib
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import gguf
import pytest

from tiers.bundled import listed, pull, resolve
from tiers.errors import Misconfigured, Unreachable

CONTENT = b"GGUF of no use"


def test_every_bundled_model_resolves_to_its_file():
    """`bundled:NAME` names a file that is there, of the size that is listed."""
    assert [model.name for model in listed()] == ["edge", "short", "long"]
    for model in listed():
        assert resolve(f"bundled:{model.name}") == model.path
        assert model.path.stat().st_size == model.bytes


def test_the_bundled_models_are_small():
    """The package carries at most 12 MB of models."""
    assert sum(model.bytes for model in listed()) <= 12_000_000


def test_listed_parameters_and_context_are_the_files():
    """What the catalogue says of a model is what its file says."""
    for model in listed():
        reader = gguf.GGUFReader(model.path)
        assert sum(int(tensor.n_elements) for tensor in reader.tensors) == model.parameters
        assert reader.get_field("llama.context_length").contents() == model.context


def test_a_path_resolves_to_itself(tmp_path):
    """Any GGUF on this machine can be named by its path."""
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    assert resolve(str(path)) == path


def test_an_unknown_bundled_name_says_what_is_bundled():
    """The error lists every allowed name."""
    with pytest.raises(Misconfigured, match=r"allowed bundled:edge, bundled:short, bundled:long$"):
        resolve("bundled:tiny")


def test_a_missing_path_says_what_lies_beside_it(tmp_path):
    """A slip in a file's name is seen at once."""
    (tmp_path / "mine.gguf").write_bytes(CONTENT)
    with pytest.raises(Misconfigured, match=re.escape(f"{tmp_path} holds mine.gguf")):
        resolve(str(tmp_path / "mien.gguf"))
    with pytest.raises(Misconfigured, match=r"holds no \.gguf"):
        resolve(str(tmp_path / "nowhere" / "mine.gguf"))


class Hub(BaseHTTPRequestHandler):
    """A hub with one repository, `toys/one`, that holds `model.gguf`."""

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def log_message(self, *args):
        pass

    def _answer(self, *, body):
        if self.path == "/toys/one/resolve/main/model.gguf":
            self.send_response(200)
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if body else b"")
            return
        self.send_response(404)
        self.send_header("X-Error-Code", "EntryNotFound" if self.path.startswith("/toys/one/") else "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_pull_fetches_a_file(hub, tmp_path):
    """The file lies in the folder under its own name."""
    path = pull("toys/one", "model.gguf", tmp_path, endpoint=hub)
    assert path == tmp_path / "model.gguf"
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("repo", "message"),
    [
        ("toys/one", "has no file other.gguf"),
        ("toys/two", "no repository toys/two"),
        ("../x y", "repo: found ../x y"),
    ],
)
def test_pull_says_what_the_hub_lacks(hub, tmp_path, repo, message):
    """A wrong repository and a wrong file are told apart."""
    with pytest.raises(Misconfigured, match=re.escape(message)):
        pull(repo, "other.gguf", tmp_path, endpoint=hub)


def test_pull_without_a_network_is_one_line(tmp_path):
    """The error says that the hub cannot be reached and how to use another."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match=r"^cannot reach the hub for toys/one [^\n]*HF_ENDPOINT[^\n]*$"):
            pull("toys/one", "model.gguf", tmp_path, endpoint=f"http://127.0.0.1:{closed.getsockname()[1]}")
