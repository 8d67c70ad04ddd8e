"""The text so far: whole characters, and nothing of a stop string."""

from hypothesis import given
from hypothesis import strategies as st

from tiers.llamacpp.stopping import TextOut

LETTERS = "abé→"
TEXTS = st.text(LETTERS, max_size=40)
STOPS = st.lists(st.text(LETTERS, min_size=1, max_size=6), max_size=3)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def before_first_stop(text: str, stops: list[str]) -> str:
    """The text up to the stop string that is complete first: there the model is stopped."""
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    return text[: min(ends)[1]] if ends else text


@given(TEXTS, STOPS, st.lists(st.integers(0, 120), max_size=30))
def test_what_comes_out_is_the_text_before_the_first_stop_string(text, stops, cuts):
    """However the bytes are cut into tokens, the output ends where the stop string begins that is met first."""
    out = TextOut(stops)
    sent = "".join(out.feed(piece) for piece in pieces_of(text.encode(), cuts)) + out.finish()
    assert sent == before_first_stop(text, stops)


@given(TEXTS, STOPS, st.lists(st.integers(0, 120), max_size=30))
def test_nothing_that_was_sent_has_to_be_taken_back(text, stops, cuts):
    """At every moment what was sent is a beginning of what is sent in the end."""
    out, sent = TextOut(stops), ""
    for piece in pieces_of(text.encode(), cuts):
        sent += out.feed(piece)
        assert before_first_stop(text, stops).startswith(sent)


@given(st.text(max_size=30), st.lists(st.integers(0, 120), max_size=30))
def test_no_character_is_ever_cut_in_half(text, cuts):
    """Text without stop strings comes out whole and without replacement characters of our making."""
    out = TextOut()
    sent = [out.feed(piece) for piece in pieces_of(text.encode(), cuts)]
    assert "".join(sent) + out.finish() == text
    assert all("\ufffd" not in part for part in sent) or "\ufffd" in text


def test_bytes_that_are_no_text_become_replacement_characters():
    """A model that ends within a character leaves a mark, not an error."""
    out = TextOut()
    assert out.feed("é".encode()[:1]) == ""
    assert out.finish() == "\ufffd"


def test_the_stop_string_that_was_met_is_named():
    """`stopped_by` says which of the stop strings ended the text."""
    out = TextOut(["xyz", "b"])
    assert out.feed(b"abc") == "a"
    assert out.stopped_by == "b"
