"""What the notebook gets ready-made: a reader of tables, and an optimiser as a black box."""

import numpy as np
import torch


def read_table(path):
    """A table with a header: all columns but the last, (rows, columns), and the last, (rows,)."""
    table = torch.from_numpy(np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32))
    return table[:, :-1], table[:, -1]


def minimize(loss, start):
    """The vector near `start` at which `loss(vector)`, one number, is smallest."""
    point = start.detach().clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [point], max_iter=200, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        value = loss(point)
        value.backward()
        return value

    optimizer.step(closure)
    return point.detach()
