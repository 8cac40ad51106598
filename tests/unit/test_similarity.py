"""What is alike is found however it was disguised; what everybody has is held against nobody."""

from __future__ import annotations

import io
import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from grader.similarity import compare as comparing
from grader.similarity.compare import compared
from grader.similarity.fingerprints import RUN, WINDOW, runs, winnowed
from grader.similarity.given import code_of, received, sent
from grader.similarity.match import matched
from grader.similarity.tokens import MAX_CHARS, tokens_of
from tests.unit._builders import code, notebook, words

STARTER = "\n".join(f"given_{n} = torch.zeros({n}, {n})[0, 0] + load('{n}')" for n in range(9))
OWN = """
def backprop(x):
    hidden = torch.relu(x @ W1 + B1)
    out = torch.sigmoid(hidden @ W2 + B2)
    delta = 2 * (out - Y) * out * (1 - out)
    for step in range(10):
        delta = delta - 0.1 * delta.sum(dim=0, keepdim=True)
    return x.T @ delta, delta.sum(dim=0), hidden.T @ delta
"""
DISGUISED = """
# my own work, honestly
def grads(inp):
    '''Mine.'''
    aa = torch.relu(inp @ A + B)  # first

    zz = torch.sigmoid(aa @ C + D)
    dd = 2 * (zz - T) * zz * (1 - zz)
    for i in range(999):
        dd = dd - 0.25 * dd.sum(dim=1, keepdim=True)
    return inp.T @ dd, dd.sum(dim=7), aa.T @ dd
"""
OTHER = """
class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, batch):
        return self.layers(batch).softmax(dim=-1)

while loss > 0.1 and tries < 1000:
    loss = criterion(net(data), labels); loss.backward(); optimizer.step(); tries += 1
"""


def prints(*cells: str) -> frozenset[int]:
    return frozenset(winnowed(runs(tokens_of(cells).words)))


def shares(**sources: str) -> dict[tuple[int, int], float]:
    starter = prints(STARTER)
    found = compared({n: prints(source) - starter for n, source in enumerate(sources.values())})
    return {(first, second): share for first, second, share, _ in found["pairs"]}


def test_a_copy_with_other_names_numbers_and_comments_is_one() -> None:
    found = shares(one=OWN, two=DISGUISED, three=OTHER)

    assert list(found) == [(0, 1)]
    assert found[0, 1] > 0.9


def test_the_starter_is_no_likeness() -> None:
    assert shares(one=STARTER + OWN, two=STARTER + OTHER) == {}


def test_the_first_of_a_pair_is_the_one_of_which_more_is_in_the_other() -> None:
    assert list(shares(longer=OWN + OTHER, shorter=OWN)) == [(1, 0)]


def test_what_many_have_alike_tells_nothing_about_two() -> None:
    class_of_20 = {n: prints(OWN + f"{OTHER}" * (n < 2)) for n in range(20)}
    found = compared(class_of_20)

    assert [pair[:2] for pair in found["pairs"]] == [(0, 1)]
    assert found["common"]


def test_nobody_fills_the_list_alone() -> None:
    everybody = {n: frozenset(range(n * 3, n * 3 + 60)) for n in range(200)}
    found = compared(everybody)

    assert 0 < len(found["pairs"]) <= 200 * comparing.MOST_OF_ONE


def test_too_little_code_is_not_compared() -> None:
    found = compared({1: prints("x = 1"), 2: prints("x = 1")})

    assert (found["pairs"], found["too_little"]) == ([], 2)


def test_code_that_does_not_parse_is_compared_all_the_same() -> None:
    assert shares(one=OWN + "\nz = (", two=DISGUISED + "\n'''")[0, 1] > 0.7


def test_no_more_than_so_much_of_a_submission_is_read() -> None:
    tokens = tokens_of(["x = 1\n" * 20_000] * 50)

    assert len(tokens.words) <= 40_000
    assert sum(end - start for _, start, end in tokens.places) <= MAX_CHARS


@given(st.lists(st.sampled_from("abcdefgh"), min_size=RUN + WINDOW - 1, max_size=120), st.data())
def test_a_shared_run_that_is_long_enough_is_always_found(
    words: list[str], data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(words) - RUN - WINDOW + 1))
    part = words[begin : begin + RUN + WINDOW - 1]

    assert set(winnowed(runs(words))) & set(winnowed(runs(part)))


@given(st.text(), st.text())
def test_whatever_the_text_is_its_pieces_make_it_up_again(one: str, other: str) -> None:
    first, second = {2: OWN, 5: one}, {1: other, 2: DISGUISED}
    found = matched(first, second, frozenset(), frozenset())
    for sources, cells in ((first, found["first"]), (second, found["second"])):
        for number, pieces in cells:
            assert "".join(piece["text"] for piece in pieces) == sources[number]


def test_both_sides_show_the_same_parts() -> None:
    found = matched({1: OTHER, 2: OWN}, {1: DISGUISED}, frozenset(), frozenset())
    left = [piece["part"] for _, pieces in found["first"] for piece in pieces if piece["begins"]]
    right = [piece["part"] for _, pieces in found["second"] for piece in pieces if piece["begins"]]

    assert left == sorted(right) == [part["number"] for part in found["parts"]]
    assert max(part["tokens"] for part in found["parts"]) > 40


def test_cells_are_numbered_as_everywhere_else_with_words_counted_too() -> None:
    file = notebook(words("# Title"), code(OWN), words("and"), code(OTHER))

    assert code_of("a.ipynb", file) == {2: OWN, 4: OTHER}


def test_parts_that_many_have_are_told_from_the_others() -> None:
    found = matched({1: OWN}, {1: DISGUISED}, frozenset(), prints(OWN))

    assert {part["is_common"] for part in found["parts"]} == {True}


def test_the_process_reads_what_is_sent_and_leaves_out_what_is_no_submission() -> None:
    files = [
        sent({"id": None, "name": "starter.ipynb"}, notebook(code(STARTER))),
        sent({"id": 4, "name": "a.ipynb"}, notebook(code(STARTER), code(OWN))),
        sent({"id": 7, "name": "b.py"}, DISGUISED.encode()),
        sent({"id": 9, "name": "c.ipynb"}, b"{"),
    ]
    given_ = b"".join(piece for one in files for piece in one)
    assert [header["id"] for header, _ in received(io.BytesIO(given_))] == [None, 4, 7, 9]
    command = [sys.executable, "-m", "grader.similarity.compare"]
    ran = subprocess.run(command, input=given_, capture_output=True, check=True)
    found = json.loads(ran.stdout)

    assert (found["compared"], found["unreadable"]) == (2, 1)
    assert sorted(found["pairs"][0][:2]) == [4, 7]
