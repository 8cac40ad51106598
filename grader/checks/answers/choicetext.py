"""Letters as students write them: "B,E", "b and e", "(B) (E)", "E B", "BE", "B, because ...".

Options may be words, too. Everything is read in one pass over a bounded text; no text raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MAX_CHARS = 500
_GAP = re.compile(r"[\s,;:/&+.*_`'\"$(){}\[\]|•✓✔☑-]*+")
_LEAD = re.compile(
    r"(?:my|the|your|our|i(?:['’]d)?|we|would|say|think|choose|chose|pick|it'?s|it|is|are|both|and|or|"
    r"correct|right|final|answers?|options?|choices?|letters?|statements?|only|solution)(?!\w)",
    re.IGNORECASE,
)
_END = re.compile(r"[:–—(]|\.\s|\s-\s|->|→|\n\s*\n")  # of the letters, where a reason may begin
# Between the letters and the reason: "A larger step" names no option A.
_APART = re.compile(
    r"[ \t*_`'\"]*+(?:[,;:.(){}\[\]\n–—-]|->|→"
    r"|(?:(?:is|are|both) )*(?:correct|right|true)?\b ?(?:[.,;]|$|because|since|as|due|for)(?!\w))",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{1,40}(?!\w)")
# Each option judged for itself: "A: false, B: true".
_JUDGED = re.compile(
    r"[ *_`]*+(?:[:=)–—.-]|->|→|is)[ *_`]*+(?P<word>true|false)(?!\w)", re.IGNORECASE
)
_ITEM = re.compile(
    r"[ \t]*+[*_`]*+[.):]"
)  # after an option that begins a line: "B. the loss falls"
_BEGIN = re.compile(r"[\s*_`(>|-]*+")
_WORDS_FOR = {
    "true": ("true", "t", "yes", "y", "✓"),
    "false": ("false", "f", "no", "n", "✗"),
}


def options_in(text: str, options: Sequence[str]) -> frozenset[str] | None:
    """The options that a text names before anything else; None where that is not clear.

    Case is ignored. Words such as "the answer is" may go before, a reason may follow.
    """
    text = text[:MAX_CHARS]
    spelled = _spellings(options)
    each = _each(text, spelled)
    if each is not None:
        return each or None
    found, last, at = _leading(text, spelled, len(text))
    if at < len(text):  # a reason follows; where it begins, "a" is an article again
        ends = (end for end in _END.finditer(text) if _leading(text, spelled, end.start())[0])
        end = next(ends, None)
        found, last, at = _leading(text, spelled, end.start() if end else len(text))
        if not _APART.match(text, last):
            return None
    return frozenset(found) or None


def _each(text: str, spelled: dict[str, str]) -> frozenset[str] | None:
    """The options of a text in which they stand one by one; None of any other text.

    Either each is called true or false, or each line begins with one, as in "B. the loss falls".
    """
    judged: dict[str, str] = {}
    at = 0
    while at < len(text):
        option = None if text[at - 1 : at].isalnum() else _option_at(text, at, spelled)
        verdict = _JUDGED.match(text, at + len(option)) if option else None
        if option and verdict and spelled[option] not in judged:
            judged[spelled[option]] = verdict["word"].lower()
        at = verdict.end() if verdict else at + 1
    if len(judged) > 1:
        return frozenset(option for option, word in judged.items() if word == "true")
    begun = []
    for line in filter(str.strip, text.split("\n")):
        at = _end(_BEGIN, line, 0)
        option = _option_at(line, at, spelled)
        if option is None or not _ITEM.match(line, at + len(option)):
            return None
        begun.append(spelled[option])
    return frozenset(begun) if len(begun) > 1 else None


def _leading(text: str, spelled: dict[str, str], stop: int) -> tuple[set[str], int, int]:
    """The options before anything else, where the last one ends, and how far could be read."""
    found: set[str] = set()
    last = 0
    at = _end(_GAP, text, 0)
    while at < stop:
        option = _option_at(text, at, spelled)
        if option is not None:
            found.add(spelled[option])
            last = at = at + len(option)
        elif letters := _glued(text, at, spelled):
            found |= letters
            last = at = at + len(letters)
        elif (lead := _LEAD.match(text, at)) is not None:
            at = lead.end()
        else:
            break
        at = _end(_GAP, text, at)
    return found, last, at


def _spellings(options: Iterable[str]) -> dict[str, str]:
    """Lower-case spellings of the options, the longest first."""
    spelled: dict[str, str] = {}
    for option in options:
        for word in _WORDS_FOR.get(option.lower(), (option.lower(),)):
            spelled[word] = option
    return dict(sorted(spelled.items(), key=lambda pair: -len(pair[0])))


def _option_at(text: str, at: int, spelled: dict[str, str]) -> str | None:
    for word in spelled:
        end = at + len(word)
        if text[at:end].lower() == word and not text[end : end + 1].isalnum():
            return word
    return None


def _glued(text: str, at: int, spelled: dict[str, str]) -> frozenset[str]:
    """Capital letters in one word, each once, all of them options: "BE"."""
    found = _WORD.match(text, at)
    word = found[0] if found else ""
    letters = word.lower()
    alone = found is not None and text.strip() == word
    if len(set(letters)) < max(2, len(letters)) or not (word.isupper() or alone):
        return frozenset()
    if any(letter not in spelled for letter in letters):
        return frozenset()
    return frozenset(spelled[letter] for letter in letters)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
