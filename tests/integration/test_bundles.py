"""Every assignment tries itself out: each mistake costs points, and gradients get true names."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from grader.rubricfile import load_bundle
from grader.rubriclint import lint
from workers.commands.testreport import print_findings
from workers.rubrictest.run import try_out
from workers.rubrictest.trial import trial_of
from workers.zygote import Zygote

ROOT = Path(__file__).parent.parent.parent
SLUGS = sorted(path.parent.name for path in ROOT.glob("rubrics/*/rubric.yaml"))
SEEDS = 20
QUICK = "uw-cse447-a0"

# Mutants of backward functions whose mistake has a name: a constant factor, the sign, another
# order, a derivative that is missing or taken elsewhere, a sum over the batch that is missing or
# taken over something else, right for the last layer alone. Labelled by hand, by what changes.
NAMES: Mapping[str, Mapping[str, str]] = {
    "uw-cse447-a0": {
        "backprop/missing-activation-derivative/1": "sigmoid-derivative-missing",
        "backprop/missing-activation-derivative/2": "relu-derivative-missing",
        "backprop/wrong-activation-derivative/1": "sigmoid-in-place-of-derivative",
        "backprop/wrong-activation-derivative/2": "sigmoid-derivative-of-output",
        "backprop/wrong-activation-derivative/3": "relu-in-place-of-derivative",
        "backprop/comparison/2": "relu-mask-inverted",
        "backprop/drop-term/7": "sigmoid-in-place-of-derivative",
        "backprop/mean-for-sum/1": "factor",
        "backprop/mean-for-sum/2": "factor",
        "backprop/drop-factor/2": "factor",
        "backprop/constant-changed/1": "factor",
        "backprop/constant-changed/3": "right-from-the-end",
        "backprop/missing-reduction/1": "per-sample",
        "backprop/missing-reduction/2": "per-sample",
        "backprop/wrong-axis/1": "wrong-axis",
        "backprop/wrong-axis/2": "wrong-axis",
        "backprop/axis-dropped/1": "wrong-axis",
        "backprop/axis-dropped/2": "wrong-axis",
        "backprop/swap-operands/3": "sign",
        "backprop/swap-operands/4": "sign",
        "backprop/return-reordered/1": "order",
        "backprop/return-reordered/2": "order",
        "backprop/return-reordered/3": "order",
    },
    "upenn-cis700-lecture2": {
        "neuron_gradients/missing-activation-derivative/1": "sigmoid-slope-missing",
        "neuron_gradients/wrong-activation-derivative/1": "sigmoid-for-its-slope",
        "neuron_gradients/wrong-activation-derivative/2": "sigmoid-slope-of-output",
        "neuron_gradients/drop-term/5": "sigmoid-for-its-slope",
        "neuron_gradients/mean-for-sum/1": "factor",
        "neuron_gradients/drop-factor/5": "factor",
        "neuron_gradients/constant-changed/1": "factor",
        "neuron_gradients/missing-reduction/1": "per-sample",
        "neuron_gradients/swap-operands/2": "sign",
        "neuron_gradients/swap-operands/3": "sign",
        "neuron_gradients/return-reordered/1": "order",
        "layer_gradients/drop-factor/2": "factor",
        "layer_gradients/constant-changed/1": "factor",
        "layer_gradients/swap-operands/2": "sign",
        "layer_gradients/swap-operands/3": "sign",
    },
    "ubc-dsci572-lecture4": {
        "mse_gradient/sum-for-mean/1": "sum-for-mean",
        "mse_gradient/missing-reduction/1": "per-sample",
        "mse_gradient/drop-factor/6": "factor-two-missing",
        "mse_gradient/constant-changed/1": "factor",
        "mse_gradient/swap-operands/1": "sign",
    },
    "calvin-cs375": {
        "mse_gradients/sum-for-mean/1": "factor",
        "mse_gradients/return-reordered/1": "order",
    },
}


def of_bundle(slug: str) -> object:
    """The larger ones are tried out on demand."""
    on_demand = pytest.mark.skipif(
        f"{slug != QUICK!r} and not config.getoption('--exhaustive')",
        reason="takes minutes: with --exhaustive",
    )
    return pytest.param(slug, marks=on_demand, id=slug)


@pytest.mark.parametrize("slug", [of_bundle(slug) for slug in SLUGS])
def test_every_mistake_costs_points_and_hints_name_it(slug: str, zygote: Zygote) -> None:
    trial = trial_of(load_bundle(slug, ROOT), seeds=SEEDS)
    findings = try_out(zygote, trial, 2, lambda phase, count: None)
    file = io.StringIO()
    print_findings(trial, findings, Console(file=file, width=100, color_system=None))
    assert findings.passed, file.getvalue()
    assert findings.score == 1.0
    assert findings.counted >= 24

    of_gradients = {one.mutant.name: one for one in findings.mutants if one.of_gradient}
    labelled = NAMES.get(slug, {})
    missed = {name for name, cause in labelled.items() if of_gradients[name].cause != cause}
    assert len(missed) <= 0.1 * len(labelled), missed
    wrong = [name for name, one in of_gradients.items() if one.naming == "wrong"]
    assert len(wrong) <= 0.02 * len(of_gradients), wrong


@pytest.mark.parametrize("slug", SLUGS)
def test_lint_has_nothing_to_say(slug: str) -> None:
    assert not lint(load_bundle(slug, ROOT))
