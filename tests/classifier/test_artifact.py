"""Artifacts on disk and loaded."""

import contextlib
import hashlib
import io
import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier import artifact
from classifier.artifact import load
from classifier.embed import bundled_folder, load_embedding
from classifier.errors import ArtifactError
from classifier.types import Question

BUNDLED = bundled_folder().parent / "bundled"
NAMES = ["bundled", "bundled:toy"]

WITHOUT_LEARNING_LIBRARIES = """
import sys
from classifier import artifact
from classifier.artifact import load
from classifier.types import Question
load("bundled").assess(Question("What is the capital of France?"))
heavy = {"sklearn", "scipy", "torch", "pyarrow", "pandas", "transformers", "model2vec"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or 0)
"""


@pytest.fixture(scope="module", params=NAMES)
def bundled(request):
    return load(request.param)


@pytest.fixture
def copy(tmp_path):
    """A folder with a sound artifact, to spoil."""
    shutil.copytree(BUNDLED, tmp_path / "copy")
    return tmp_path / "copy"


def recard(folder, **changes):
    card = json.loads((folder / "card.json").read_text()) | changes
    (folder / "card.json").write_text(json.dumps(card))


def replace_arrays(folder, **changes):
    """Change arrays and write the hash that goes with them."""
    with np.load(folder / "model.npz") as found:
        arrays = {name: found[name] for name in found} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    (folder / "model.npz").write_bytes(buffer.getvalue())
    recard(folder, sha256=hashlib.sha256(buffer.getvalue()).hexdigest())


def test_bundled_artifacts_rate_the_default_tiers(bundled):
    """Both bundled artifacts know edge, short and long, and every pair of them."""
    assessment = bundled.assess(Question("What is the capital of France?"))
    assert bundled.tiers == ("edge", "short", "long")
    assert list(assessment.quality) == ["edge", "short", "long"]
    assert list(assessment.gain) == [("edge", "short"), ("edge", "long"), ("short", "long")]
    assert assessment.version == bundled.version


@given(text=st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
@settings(max_examples=150, deadline=None)
def test_assess_takes_any_text(bundled, text):
    """No text makes it fail; probabilities are probabilities and lengths are ordered."""
    assessment = bundled.assess(Question(text))
    chances = [*assessment.quality.values(), *assessment.gain.values()]
    assert all(0 <= chance <= 1 for chance in chances)
    assert 1 <= assessment.output_p50 <= assessment.output_p90 < float("inf")


@pytest.mark.parametrize("text", ["", "x" * 1_000_000, "word " * 200_000, "字" * 300_000, "\ud800" * 10, "\0"])
def test_assess_takes_texts_of_any_size(bundled, text):
    """Empty, a megabyte in one word, in many, in Chinese, and what is not text at all."""
    assert bundled.assess(Question(text)).output_p50 >= 1


@given(limit=st.integers(0, 5000))
@settings(deadline=None)
def test_lengths_never_pass_the_callers_limit(bundled, limit):
    """max_tokens caps both quantiles, at least at one token."""
    assessment = bundled.assess(Question("Write a long essay on tides.", max_tokens=limit))
    assert 1 <= assessment.output_p50 <= assessment.output_p90 <= max(limit, 1)


def test_threads_share_one_classifier():
    """Many threads at once get what one alone gets."""
    classifier = load("bundled")
    questions = [Question(f"Explain number {n} of the list in detail.") for n in range(200)]
    alone = [classifier.assess(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(classifier.assess, questions)) == alone


def test_serving_imports_no_learning_library():
    """Loading and assessing need NumPy and tokenizers, none of the training or distilling packages."""
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_LEARNING_LIBRARIES], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_bundled_artifacts_are_small():
    """Each artifact is under 1.5 MB and the shared token table under 8 MB."""
    sizes = {folder.name: sum(f.stat().st_size for f in folder.iterdir()) for folder in BUNDLED.parent.iterdir()}
    assert sizes["bundled"] < 1_500_000
    assert sizes["toy"] < 1_500_000
    assert sizes["embedding"] < 8_000_000


def test_a_copied_folder_answers_the_same(copy):
    """An artifact is its folder: loaded by path it assesses as the bundled one does."""
    question = Question("Prove that the square root of two is irrational.")
    assert load(copy).assess(question).quality == load("bundled").assess(question).quality


@pytest.mark.parametrize("name", ["bundled:other", "no/such/folder"])
def test_unknown_names_say_what_to_do(name):
    """A name that is neither bundled nor a folder is an ArtifactError that says what is allowed."""
    with pytest.raises(ArtifactError, match=r"allowed bundled|classifier train DATA"):
        load(name)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model.npz", b""),
        ("model.npz", b"PK\x03\x04 cut short"),
        ("model.npz", b"\x80\x04]\x94."),
        ("card.json", b"{"),
        ("card.json", b"[]"),
        ("card.json", b"\xff\xfe"),
        ("card.json", b'{"kind": "something else"}'),
    ],
)
def test_spoilt_files_are_named(copy, file, content):
    """A file that is cut, foreign or garbage is an ArtifactError that names the folder and how to make it again."""
    (copy / file).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"copy.*classifier train DATA"):
        load(copy)


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"features": 0}, {"embedding": "another"}, {"tiers": ["only"]}, {"tiers": None}, {"tiers": "abc"}],
)
def test_cards_of_other_makes_are_refused(copy, change):
    """An artifact for other features, another table or another format is refused, not misread."""
    recard(copy, **change)
    with pytest.raises(ArtifactError, match="allowed"):
        load(copy)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome_bias": None},
        {"outcome_bias": np.zeros(5, dtype=np.float32)},
        {"outcome_bias": np.full(6, np.nan, dtype=np.float32)},
        {"outcome_bias": np.array([object()] * 6)},
        {"outcome_bias": np.array(["a"] * 6)},
        {"length_steps": np.array([1.0, -1.0], dtype=np.float32)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(copy, change):
    """Missing, misshapen, infinite, pickled, textual or disordered arrays are refused even under the right hash."""
    replace_arrays(copy, **change)
    with pytest.raises(ArtifactError, match=r"model\.npz"):
        load(copy)


@given(place=st.integers(0, 60_000), byte=st.integers(0, 255), cut=st.integers(0, 60_000))
@settings(max_examples=100, deadline=None)
def test_no_damage_gets_past_the_reader(place, byte, cut):
    """Any byte changed and any end cut off, whatever the hash: it is read or is an ArtifactError, nothing else."""
    damaged = bytearray((BUNDLED / "model.npz").read_bytes())
    damaged[place] = byte
    with contextlib.suppress(ArtifactError):
        arrays = artifact._arrays(BUNDLED, bytes(damaged[: len(damaged) - cut]))
        artifact._check_arrays(BUNDLED, arrays, tiers=3, dim=128)
        assert np.isfinite(arrays["outcome_bias"]).all()


@pytest.mark.parametrize("file", ["table.npz", "tokenizer.json", "card.json"])
def test_a_spoilt_token_table_is_refused(tmp_path, file):
    """The token table is held to its hashes too."""
    shutil.copytree(bundled_folder(), tmp_path / "table")
    (tmp_path / "table" / file).write_bytes(b"{}")
    with pytest.raises(ArtifactError, match="reinstall tiergate"):
        load_embedding(tmp_path / "table")
