"""What a cell wrote is kept within bounds."""

from __future__ import annotations

from workers.inside.outputs import OutputLog


def test_errors_shown_in_a_loop_take_no_more_than_their_room() -> None:
    log = OutputLog(kept=4000)
    for cell in range(10):
        for number in range(200):
            error = {"ename": "E", "evalue": f"{cell}/{number}", "traceback": ["x" * 500]}
            log.error(error)
        kept = log.finish()
        # The last one is told whatever went before.
        assert kept[-1]["evalue"] == f"{cell}/199"
        assert len(kept) == 1 or cell < 3
        assert sum(len(str(one)) for one in kept) < 4000
