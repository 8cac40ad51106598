"""What to tell a student about a known cause, in plain words.

A key is a cause, or `cause:variant` where a variant has words of its own. A rubric's `hints`
go before these.
"""

from __future__ import annotations

from collections.abc import Mapping

_HINTS = {
    # the run
    "missing": "Check the spelling of the name, and that the cell that defines it runs without an "
    "error when the notebook is run from top to bottom.",
    "not-callable": "Something else was stored under this name later. Give that another name.",
    "raised": "Restart the kernel, run all cells from the top, and call it once yourself.",
    "time-limit": "Look for a loop that does not end, or for work that one operation on whole "
    "tensors could do.",
    "died": "The Python process itself ended. Look for a call of exit(), or for memory that grows "
    "without bound.",
    "not-run": "An earlier cell ended the run. Mend that one first.",
    "unreadable": "Leave the classes of Python and PyTorch as they are, and return plain things: "
    "tensors, arrays, numbers, lists of them.",
    # results
    "returns-none": "Is there a return statement at the end?",
    "returns-several": "Return the one tensor that is asked for, not a tuple or a list.",
    "returns-set": "Braces make a set, which keeps no order: write (a, b) and not {a, b}.",
    "returns-iterator": "An iterator holds no results: they are made one by one, when it is gone "
    "through. tuple(...) around it makes them all; torch.stack(tuple(...)) makes them one tensor.",
    "returns-iterator:generator": "A function with yield gives a generator, and so do parentheses "
    "around a for. Write return for yield, and tuple(...) around such a for.",
    "returns-iterator:async_generator": "Leave the word async out, and write return for yield.",
    "returns-coroutine": "A function that begins with async def gives a coroutine, which has "
    "computed nothing yet. Leave the word async out.",
    "not-a-tensor": "Stay with torch tensors: no .numpy(), no .tolist(), no .item().",
    "wrong-count": "Return all the gradients, in the order that the assignment gives.",
    "changes-inputs": "Operations that end in _ and operators such as += change a tensor in "
    "place, also the one that was passed in. Compute a new tensor.",
    "argument-ignored": "Inside the function, use its parameter: the function must work for data "
    "that it has not seen, too.",
    "unused": "Compare your formula with the assignment's, term by term.",
    "missing-activation": "An activation function is the last step of each layer, also of the "
    "last one.",
    "extra-activation": "Count how often you apply an activation to the output: once too often.",
    "other-activation": "Look up in the assignment which activation each layer has.",
    "no-hidden-activation": "Without an activation in between, two linear layers are one linear "
    "layer. Apply the hidden layer's activation before the next one.",
    "transposed": "Swap the two dimensions, with .T, or swap the factors of the product that "
    "makes it: (a @ b).T is b.T @ a.T.",
    "order": "The values are right, but not where they belong. Compare the order with that of the "
    "assignment.",
    "shape": "The values are right. Check where a dimension gets lost or is added: squeeze, "
    "unsqueeze, keepdim, indexing with a number.",
    "sign": "The sign is the wrong way round: is it prediction minus target, or target minus "
    "prediction?",
    "edge-case": "It is right for ordinary inputs. Call it with this one, step by step.",
    "not-refused": "Check the arguments first, and raise the exception that is asked for.",
    # gradients
    "factor": "Differentiate the loss once more on paper and follow the constant factors.",
    "factor:half": "The derivative of a square has a factor 2.",
    "factor:double": "A factor 2 is there once too often.",
    "factor:mean": "You differentiate the mean over the batch; the loss here is a sum over it.",
    "factor:mean-of-entries": "You differentiate the mean over all entries, as mse_loss takes it "
    "by default; the loss here is their sum.",
    "factor:sum": "You differentiate the sum over the batch; the loss here is a mean.",
    "factor:sum-of-entries": "You differentiate the sum over all entries; the loss here is their "
    "mean.",
    "per-sample": "Every sample contributes to the loss, so a parameter's gradient is the sum "
    "over the batch: sum(dim=0), or a matrix product that sums over it.",
    "wrong-axis": "A gradient has the shape of its parameter. Sum over the rows of the batch, "
    "which is dim=0, and over nothing else.",
    "accumulated": "Every call has to begin at zero. You add to tensors that live on from one "
    "call to the next.",
    "changes-between-calls": "The function changes something that its next call depends on.",
    "right-from-the-end": "The last layer is right. Look at the step that leads from its gradient "
    "back to the layer before: first through the weights, then through the activation.",
    "in-place": "Operations that end in _, += and assignments to a slice change a tensor that "
    "autograd still needs. Compute a new one.",
    "other-under-autograd": "The same inputs have to give the same result, whether they require "
    "gradients or not.",
    "not-differentiable": "Return one tensor, computed from the inputs by torch.",
    "not-smooth": "Comparisons, rounding and argmax have no gradient.",
    "independent": "Is the argument used, and not something else of that value?",
    "not-finite": "Look for a division by zero, or a logarithm of zero.",
    "wrong-backward": "Look at your backward(), and for .data and no_grad(), which hide a step "
    "from autograd.",
    "no-gradient": "backward() returns one gradient for each argument of forward().",
    "not-a-function": "Derive the class from torch.autograd.Function.",
    # modules
    "not-a-module": "The class has to derive from torch.nn.Module.",
    "no-super-init": "The first line of __init__ has to be super().__init__().",
    "constructor-arguments": "It has to be possible to make one as the assignment does.",
    "no-forward": "The class needs a method forward(self, x), at the level of __init__.",
    "no-parameters": "Layers are only found when they are attributes of the module, or in an "
    "nn.Sequential or nn.ModuleList; a plain list or dict hides them.",
    "no-bias": "The layers have a bias in the assignment: leave bias=False out.",
    "extra-layer": "Count the layers in the assignment's picture or formula.",
    "missing-layer": "Count the layers in the assignment's picture or formula.",
    "wrong-width": "Compare the sizes of your layers with those of the assignment.",
    "batch-of-one": "With a single row something loses the batch dimension: look for squeeze().",
    "detached": "detach(), .data, .item(), .numpy(), torch.tensor(...) and no_grad() cut the "
    "result off from the parameters, so that nothing can be learned.",
    "unused-parameters": "These parameters do not take part in the result: look where forward "
    "passes by the layer.",
    # training
    "no-training": "No cell was seen in which an optimiser or backward() made steps. Did the "
    "training cell run, and to its end?",
    "not-trained": "The loop has to find the weights itself, from the random start that the model "
    "gets when it is made.",
    "diverged": "The weights are not finite any more. Take a smaller learning rate, and call "
    "zero_grad() in every step.",
    "threshold-missed": "Try another learning rate, more steps, momentum or another optimiser.",
    "other-data": "Your data are not those of the assignment. Leave the cell that makes them, "
    "with its seed, as it was.",
    "other-architecture": "Your model computes something else from its weights than the network "
    "that the assignment asks for.",
    "untrained-meets-threshold": "The predictions have to come from training.",
    "ignores-input": "The predictions have to follow from the rows that are passed in.",
    "wrong-structure": "Train the model that the assignment asks for.",
    # answers
    "no-answer": "Write the answer where the question asks for it, in place of what stands there.",
    "unclear": "Write the answer alone, without other numbers or words.",
    "wrong-rank": "Count the dimensions: one for each index that an element needs.",
    "transposed-shape": "The sizes are right, their order is not.",
    "wrong-shape": "Go through the sizes one by one: what does each dimension count?",
    "wrong-choice": "Read every option again, also those that you have not chosen.",
    "wrong-text": "Check the spelling, and that it answers the question.",
    "element-count": "Give as many values as the question asks for, in its order.",
    "element-shape": "The shape counts, too: look at the dimensions before the values.",
    "inverted": "It is right when True and False are swapped.",
    "percent": "Is it a percentage, or a part of 1? Look at what the question asks for.",
    "transposed-value": "Rows and columns are swapped.",
    "imprecise": "It is near. Give more digits, or round only at the end.",
    "no-formula": "Write the formula alone, such as 2*x + 1 or e^(-x), with the letters of the "
    "question.",
    "constant": "Differentiate, or collect, the terms without a variable once more.",
    "not-a-number": "The function gets numbers and returns one number.",
    # tensors
    "tensor-library": "torch.from_numpy() and .numpy() lead from one to the other.",
    "tensor-shape": "Print .shape after each step.",
    "tensor-dtype": "Say it when you make the tensor, with dtype=, or convert it with .to().",
    "tensor-device": "Move it with .to(device).",
    "tensor-layout": "to_dense() and to_sparse() lead from one layout to the other.",
    "tensor-requires_grad": "Say it when you make the tensor, or with requires_grad_().",
    "tensor-contiguous": "A transposed or sliced view is not contiguous; contiguous() makes a copy "
    "that is.",
    "tensor-shares_storage_with": "Views share memory: view(), slices, .T, torch.from_numpy(). "
    "clone(), torch.tensor() and indexing with a list copy.",
    "tensor-not_shares_storage_with": "Make a copy: clone().",
    "tensor-in_place_on": "Operations that end in _ change their tensor. Return that very tensor.",
    # models on held-out data
    "predictions": "Call the model on a few rows and print the shape of what comes out: it has to "
    "be one prediction for each row.",
    # training functions
    "gradients-not-zeroed": "backward() adds to the gradients that are there. Call zero_grad() "
    "once for each step.",
    "parameters-not-moved": "Compare a parameter before and after optimizer.step(): the optimiser "
    "has to be given the parameters of this very model.",
    "step-not-each-batch": "One backward() and one step() belong into the innermost loop, the one "
    "over the batches.",
    "rows-left-out": "Look for a return or a break inside the loop over the batches.",
    "single-step": "Where does the loop end? Look for a return that is indented too far.",
    "loss-not-decreasing": "Print the loss after every epoch, and check the order: zero_grad(), "
    "backward(), step().",
    "loss-not-decreasing:rising": "The steps lead uphill: look for a minus sign.",
    "not-in-train-mode": "Call model.train() at the beginning of every epoch, before its batches.",
    "not-in-eval-mode": "Call model.eval() before evaluating.",
    "not-evaluated": "Run the model on the held-out data as well, without learning from it.",
    "gradients-in-evaluation": "Evaluate within torch.no_grad().",
    "trains-on-held-out": "What the model is tested with must never take part in a backward pass.",
    # work
    "grows": "Do it with one operation on whole tensors, and not element by element: a "
    "comprehension, map, np.vectorize and recursion are loops as well.",
    "too-much-work": "Look for what is computed again and again, and for loops.",
    "wrong-result": "It has to be right before it can be fast.",
    "not-counted": "Leave sys.settrace and the tracing of frames alone.",
    # figures
    "no-figure": "Draw with matplotlib's pyplot in the cell that is asked for.",
    "label-missing": "xlabel(), ylabel() and title() label a figure.",
    "other-label": "Compare the label with what the assignment asks for.",
    "other-plot": "plot(), scatter(), hist(), bar() and imshow() draw different things.",
    "other-points": "Check what you pass: the right variables, x first.",
    "axes-missing": "plt.subplots(rows, columns) makes several axes in one figure.",
    # sources
    "forbidden": "This has to be done by hand here.",
    "forbidden:autograd": "The point here is to write the derivatives yourself. Leave autograd "
    "for comparing.",
    "required": "The assignment asks for it by name.",
}


def hint_for(own: Mapping[str, str], cause: str, variant: str = "", given: str = "") -> str | None:
    """The words for a cause: the rubric's `own`, then the ones `given` with it, then built-in."""
    keys = (f"{cause}:{variant}", cause)
    found = [own.get(key) for key in keys] + [given] + [_HINTS.get(key) for key in keys]
    return next((words for words in found if words), None)


def meaning(cause: str, kind: str) -> str:
    """What a cause of a check of this kind means, for staff who look at many submissions at once.

    Those of tests are the tests' names, and rubrics may name mistakes of their own.
    """
    own = "The test of this name fails." if kind == "test" else "The rubric names this mistake."
    return hint_for({}, cause) or own
