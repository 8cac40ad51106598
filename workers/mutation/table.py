"""All operators by name, the most specific first: of equal mutants the first one stays."""

from __future__ import annotations

from workers.mutation import activations, arithmetic, calls, learning, shapes, words
from workers.mutation.sites import Operator

OPERATORS: dict[str, Operator] = {
    "missing-zero-grad": learning.missing_zero_grad,
    "missing-backward": learning.missing_backward,
    "missing-step": learning.missing_step,
    "missing-super-init": learning.missing_super_init,
    "missing-mode": learning.missing_mode,
    "missing-no-grad": learning.missing_no_grad,
    "few-steps": arithmetic.few_steps,
    "wrong-loss": learning.wrong_loss,
    "wrong-optimiser-argument": learning.wrong_optimiser_argument,
    "other-parameters": learning.other_parameters,
    "detached-graph": learning.detached_graph,
    "missing-activation": activations.missing_activation,
    "wrong-activation": activations.wrong_activation,
    "missing-activation-derivative": activations.missing_activation_derivative,
    "wrong-activation-derivative": activations.wrong_activation_derivative,
    "sum-for-mean": shapes.sum_for_mean,
    "mean-for-sum": shapes.mean_for_sum,
    "missing-reduction": shapes.missing_reduction,
    "wrong-axis": shapes.wrong_axis,
    "axis-dropped": shapes.axis_dropped,
    "keepdim-dropped": shapes.keepdim_dropped,
    "missing-transpose": shapes.missing_transpose,
    "shape-literal": shapes.shape_literal,
    "reshape-dropped": shapes.reshape_dropped,
    "matmul-for-elementwise": arithmetic.matmul_for_elementwise,
    "flip-sign": arithmetic.flip_sign,
    "swap-operands": arithmetic.swap_operands,
    "drop-term": arithmetic.drop_term,
    "drop-factor": arithmetic.drop_factor,
    "comparison": arithmetic.comparison,
    "off-by-one": arithmetic.off_by_one,
    "constant-changed": arithmetic.constant_changed,
    "in-place": calls.in_place,
    "out-of-place": calls.out_of_place,
    "missing-clone": calls.missing_clone,
    "return-dropped": calls.return_dropped,
    "return-reordered": calls.return_reordered,
    "arguments-swapped": calls.arguments_swapped,
    "answer-in-code": words.answer_in_code,
}
