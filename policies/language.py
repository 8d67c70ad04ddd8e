"""The language of a text, guessed from its script and its most frequent small words."""

import re

SAMPLE_CHARS = 500
FEW_WORDS = 4  # of so short a text one small word is enough
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
UKRAINIAN = re.compile("[іїєґІЇЄҐ]")
SMALL_WORDS = {
    "en": "the is are of to and in what how a an for with this that you your please can do does it my from",
    "de": "der die das und ist nicht ein eine wie was ich du sie mit für auf den dem zu von bitte kann mir",
    "fr": "le la les des est et un une que qui quel quelle pour dans je vous nous avec du comment ce de moi",
    "es": "el la los las es y un una que qué cómo para por con del en cuál yo usted está son de cuáles",
    "it": "il la lo gli è e un una che come per con del della sono di quale io questo cosa perché",
    "pt": "o a os as é e um uma que como para por com do da não em qual você são de mim",
    "nl": "de het een en is van ik niet wat hoe dat zijn voor met op aan je wij mij kun",
    "pl": "i w nie to jest na się z że do jak co czy od dla po jestem proszę mi czym",
}


def _by_word() -> dict[str, tuple[str, ...]]:
    """The languages in which each small word is frequent."""
    languages: dict[str, tuple[str, ...]] = {}
    for language, words in SMALL_WORDS.items():
        for word in words.split():
            languages[word] = (*languages.get(word, ()), language)
    return languages


LANGUAGES_OF = _by_word()
LANGUAGES = (*SMALL_WORDS, *(language for language, _ in SCRIPTS), "uk")


def guess(text: str) -> str:
    """ISO 639-1 code of the text's first 500 characters, or `und` where nothing speaks for any language."""
    sample = text[:SAMPLE_CHARS]
    if not sample.isascii() and (script := _by_script(sample)):
        return script
    words = sample.lower().split()
    counts: dict[str, int] = {}
    for word in words:
        for language in LANGUAGES_OF.get(word, ()):
            counts[language] = counts.get(language, 0) + 1
    if not counts:
        return "und"
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] > 1 or len(words) <= FEW_WORDS else "und"


def _by_script(sample: str) -> str:
    """The language whose script a quarter of the sample is written in; kana make Han characters Japanese."""
    counts = {language: len(letters.findall(sample)) for language, letters in SCRIPTS}
    if counts["ja"] * 10 >= counts["zh"] and counts["ja"]:
        counts["ja"] += counts["zh"]
    language = max(counts, key=counts.__getitem__)
    if counts[language] * 4 < len(sample):
        return ""
    return "uk" if language == "ru" and UKRAINIAN.search(sample) else language
