"""The language of a text, guessed from its script and its most frequent small words."""

import re

SAMPLE_CHARS = 500
SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
)
UKRAINIAN = re.compile("[іїєґІЇЄҐ]")  # noqa: RUF001 - letters that Russian does not have
WORD = re.compile(r"[^\W\d_]+")
SMALL_WORDS = (
    (
        "en",
        frozenset(
            "the is are of to and in what how a an for with this that you your please can do does i it".split()
        ),
    ),
    (
        "de",
        frozenset(
            "der die das und ist nicht ein eine wie was ich du sie mit für auf den dem zu von bitte".split()
        ),
    ),
    (
        "fr",
        frozenset(
            "le la les des est et un une que qui quel quelle pour dans je vous nous avec du comment ce".split()
        ),
    ),
    (
        "es",
        frozenset(
            "el los las es y un una que qué cómo para por con del en cuál yo usted está son de".split()
        ),
    ),
    ("it", frozenset("il lo gli è e un una che come per con del della sono di quale io questo cosa".split())),
    ("pt", frozenset("o os as é e um uma que como para por com do da não em qual você são de".split())),
    ("nl", frozenset("de het een en is van ik niet wat hoe dat zijn voor met op aan je wij".split())),
    ("pl", frozenset("i w nie to jest na się z że do jak co czy od dla po jestem proszę".split())),
)


def guess(text: str) -> str:
    """ISO 639-1 code of the text's first 500 characters, or `und` where nothing speaks for any language."""
    sample = text[:SAMPLE_CHARS]
    if not sample.isascii() and (script := _by_script(sample)):
        return script
    words = set(WORD.findall(sample.lower()))
    best, most = "und", 0
    for language, small in SMALL_WORDS:
        count = len(words & small)
        if count > most:
            best, most = language, count
    return best if most > 1 or (most and len(words) <= 4) else "und"


def _by_script(sample: str) -> str:
    """The script that a quarter of the sample or more is written in; kana make Chinese characters Japanese."""
    counts = {language: len(letters.findall(sample)) for language, letters in SCRIPTS}
    if counts["ja"] * 10 >= counts["zh"] and counts["ja"]:
        counts["ja"] += counts["zh"]
    language = max(counts, key=counts.__getitem__)
    if counts[language] * 4 < len(sample):
        return ""
    return "uk" if language == "ru" and UKRAINIAN.search(sample) else language
