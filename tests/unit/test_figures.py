"""What figures show, as it is read from matplotlib's own; each test in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from workers.inside import figures, wire
from workers.inside.probes import answer
from workers.inside.wire import Array

pyplot = pytest.importorskip("matplotlib.pyplot")


def apart(draw: Callable[[Any], None], names: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the probe says after `draw`, in a fork: recording changes matplotlib for good."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            pyplot.switch_backend("agg")
            figures.install()
            figures.begin_cell(4)
            draw(pyplot)
            figures.end_cell()
            found = answer("figures", {"names": ["a", "b"]}, names or {}, 1 << 20)
            data = wire.dumps(found)
            while data:
                data = data[os.write(writer, data) :]
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        received = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    found: Any = wire.loads(received)
    return found  # type: ignore[no-any-return]


def series(found: dict[str, Any], figure: int = 0) -> list[tuple[str, Any, Any]]:
    drawn = found["figures"][figure]["axes"][0]["series"]
    return [(one["kind"], numbers(one["x"]), numbers(one["y"])) for one in drawn]


def numbers(array: Array | None) -> list[float] | None:
    return None if array is None else np.frombuffer(array.data, "<f8").round(6).tolist()  # type: ignore[no-any-return]


def test_no_figure_is_an_empty_list() -> None:
    assert apart(lambda plt: None) == {"figures": [], "values": {}}


def test_lines_points_bars_histograms_and_images() -> None:
    def draw(plt: Any) -> None:
        plt.plot([1, 2], [3, 4])
        plt.plot([1, 2], [5, 6], "o")
        plt.scatter([1, 2], [7, 8])
        plt.bar([1, 2], [3, 4], width=0.5)
        plt.barh([1, 2], [3, 4])
        plt.hist([0, 0, 1, 4], bins=2)
        plt.imshow(np.eye(2))

    assert sorted(series(apart(draw)), key=str) == sorted(
        [
            ("line", [1, 2], [3, 4]),
            ("scatter", [1, 2], [5, 6]),
            ("scatter", [1, 2], [7, 8]),
            ("bar", [1, 2], [3, 4]),
            ("bar", [1, 2], [3, 4]),
            ("hist", [0, 2, 4], [3, 1]),
            ("image", None, None),
        ],
        key=str,
    )


def test_labels_titles_and_the_cell() -> None:
    def draw(plt: Any) -> None:
        fig, ax = plt.subplots()
        ax.set(xlabel="x" * 300, ylabel="loss", title="t")
        fig.suptitle("whole")

    (found,) = apart(draw)["figures"]
    assert (found["cell"], found["title"]) == (4, "whole")
    assert found["axes"][0] == {"title": "t", "xlabel": "x" * 200, "ylabel": "loss", "series": []}


@pytest.mark.parametrize(
    "close", ["plt.close()", "plt.close('all')", "plt.close(fig)", "plt.close(fig.number)", "pass"]
)
def test_a_figure_is_kept_once_however_it_is_closed(close: str) -> None:
    def draw(plt: Any) -> None:
        fig = plt.figure()
        plt.plot([1, 2])
        exec(close, {"plt": plt, "fig": fig})

    assert len(apart(draw)["figures"]) == 1


def test_a_figure_that_stays_open_is_looked_at_again_and_keeps_its_cell() -> None:
    def draw(plt: Any) -> None:
        plt.plot(np.zeros(15_000))
        for cell in range(5, 20):
            figures.end_cell()
            figures.begin_cell(cell)
        plt.xlabel("later")

    (found,) = apart(draw)["figures"]
    assert (found["cell"], found["axes"][0]["xlabel"]) == (4, "later")
    assert found["axes"][0]["series"][0]["y"].shape == (15_000,)


def test_figures_series_and_points_are_bounded() -> None:
    def draw(plt: Any) -> None:
        plt.plot(range(20_001))
        for _ in range(40):
            plt.plot([1])
        plt.close()
        for _ in range(29):
            plt.plot(range(10_000))
            plt.close()

    found = apart(draw)
    assert len(found["figures"]) == 30
    assert len(series(found)) == 24
    assert series(found)[0] == ("line", None, None)
    assert series(found, 1)[0][2] is not None
    assert series(found, 29)[0] == ("line", None, None)


def test_a_loop_that_draws_anew_in_every_step_leaves_room_for_others() -> None:
    def draw(plt: Any) -> None:
        plt.plot([1, 2], [5, 6])
        plt.close()
        figures.begin_cell(7)
        for step in range(50):
            plt.plot([0, step])
            plt.close()
        figures.begin_cell(9)
        plt.plot([8, 9])

    found = apart(draw)
    assert [one["cell"] for one in found["figures"]] == [4, *[7] * 28, 9]
    assert series(found, 0) == [("line", [1.0, 2.0], [5.0, 6.0])]
    assert series(found, 28) == [("line", [0.0, 1.0], [0.0, 49.0])]
    assert series(found, 29) == [("line", [0.0, 1.0], [8.0, 9.0])]


def test_a_figure_that_is_cleared_was_one() -> None:
    def draw(plt: Any) -> None:
        plt.plot([1, 2], [5, 6])
        plt.clf()
        plt.plot([3, 4], [7, 8])
        plt.close()

    found = apart(draw)
    assert [series(found, at) for at in (0, 1)] == [
        [("line", [1.0, 2.0], [5.0, 6.0])],
        [("line", [3.0, 4.0], [7.0, 8.0])],
    ]


def test_a_patched_line_shows_what_is_drawn() -> None:
    def draw(plt: Any) -> None:
        from matplotlib.lines import Line2D

        plt.plot([1, 2], [5, 6])
        Line2D.get_ydata = lambda *args, **more: np.zeros(2)  # type: ignore[method-assign]

    assert series(apart(draw)) == [("line", [1.0, 2.0], [5.0, 6.0])]


def test_an_artist_that_raises_is_left_out_alone() -> None:
    def draw(plt: Any) -> None:
        class Bad(plt.Line2D):  # type: ignore[misc,name-defined]
            axes = property(lambda self: 1 / 0, lambda self, value: None)

        plt.plot([1, 2], [3, 4])
        plt.gca().lines[0]._label = 7
        plt.gca()._children.append(Bad([1], ["x"]))
        plt.gca().get_title = lambda: 1 / 0

    assert ("line", [1, 2], [3, 4]) in series(apart(draw))


def test_names_are_told_as_plain_numbers() -> None:
    def value(held: Any) -> Any:
        return numbers(apart(lambda plt: None, {"a": held})["values"]["a"])

    graph = torch.tensor([1.0, 2.0], requires_grad=True) * 2
    for held in ([2, 4.0], (2.0, 4), np.array([[2], [4]]), graph, list(graph)):
        assert value(held) == [2, 4]
    for held in (["x"], object(), {"a": 1}, list(range(20_001))):
        assert value(held) is None
    assert "b" not in apart(lambda plt: None, {"a": 1})["values"]
