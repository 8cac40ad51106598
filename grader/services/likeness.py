"""Which answers in words say the same, so that they are graded together.

Answers are equal where they are after case, white space, quotes and the marks of Markdown are taken
away. Nearly equal are those that differ in slips of the pen alone: word by word they are the same,
but for small words more or less and for long words in which one letter is missing, doubled or
swapped with its neighbour. Nothing else is a slip: "macro" and "micro", "lower" and "slower", a
number or a "not" say something else.

Each kind of answer is compared by letters, in C, with the ones before it that have as many words,
and word by word only with those that come near. Both numbers are bounded, so that thousands of
answers take a second at most; beyond that, answers are grouped where they are equal alone.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache

LONGEST = 2000  # characters of an answer that are compared

_MOST_KINDS = 3000
_MOST_COMPARED = 500  # of as many words
_NEAR = 85  # of 100, by letters: what is looked at by words
_LOOKED_AT = 5
_LONG = 5  # letters of a word in which a slip is known for one
_EDGES = ".,;:!?()[]{}\"'“”‘’«»*_`#>~"
_SMALL_WORDS = (
    "an the is are was were be been of to in on at for that which this these it its they so as "
    "and then thus hence also very just really quite because since will would too"
)
_DECISIVE_WORDS = (
    "no not never none nor neither cannot without nothing yes false true less more only but"
)
_SMALL, _DECISIVE = frozenset(_SMALL_WORDS.split()), frozenset(_DECISIVE_WORDS.split())


def words_of(text: str) -> tuple[str, ...]:
    """An answer as far as it is compared."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold().replace("’", "'")
    return tuple(word for raw in plain.split() if (word := raw.strip(_EDGES) or _symbol(raw)))


@lru_cache(maxsize=2)  # each keeps all answers of an exercise
def alike(texts: tuple[str, ...]) -> tuple[int, ...]:
    """For each answer the place of the one that stands for all like it; it is like itself.

    Which one that is depends on the answers alone and not on their order: the one of which there
    are most, and of these the first by its words.
    """
    words = [words_of(text) for text in texts]
    kinds = Counter(words)
    leader = _leaders(sorted(kinds, key=lambda one: (-kinds[one], one)))
    first: dict[tuple[str, ...], int] = {}
    for place, one in enumerate(words):
        first.setdefault(one, place)
    return tuple(first[leader[one]] for one in words)


def _leaders(kinds: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """For each kind of answer the one that it is like: an earlier one, or itself."""
    from rapidfuzz import fuzz, process  # the grading view alone needs it

    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    # Those that are like none before, by how many words they have besides the small ones.
    leaders: dict[int, list[tuple[tuple[str, ...], tuple[str, ...]]]] = defaultdict(list)
    letters: dict[int, list[str]] = defaultdict(list)
    for number, kind in enumerate(kinds):
        found[kind] = kind
        large = tuple(word for word in kind if word not in _SMALL)
        size, text = len(large), " ".join(large)
        if not large or number >= _MOST_KINDS:
            continue
        near = process.extract(
            text, letters[size], scorer=fuzz.ratio, score_cutoff=_NEAR, limit=_LOOKED_AT
        )
        for _, _, place in near:
            other, of_other = leaders[size][place]
            if all(map(_same_word, large, of_other)):
                found[kind] = other
                break
        else:
            if len(letters[size]) < _MOST_COMPARED:
                leaders[size].append((kind, large))
                letters[size].append(text)
    return found


def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if _is_decisive(one) or _is_decisive(other):
        return False
    if one[0] != other[0] or max(len(one), len(other)) < _LONG:
        return False
    from rapidfuzz.distance import OSA

    swapped = len(one) == len(other) and sorted(one) == sorted(other)
    return OSA.distance(one, other) == 1 and (swapped or len(one) != len(other))


def _is_decisive(word: str) -> bool:
    return word in _DECISIVE or word.endswith("n't") or not word.replace("-", "").isalpha()


def _symbol(raw: str) -> str:
    """A word of nothing but punctuation, where that may say something."""
    return raw if raw.strip("*_`#~\"'“”‘’") else ""
