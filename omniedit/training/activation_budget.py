"""Number of layers to recompute so that a step's activations fit a budget, by the cost model."""

from collections.abc import Callable

from omniedit.errors import UserError


def choose_recomputed(saved_bytes: Callable[[frozenset[int]], int], layers: int, budget: float) -> frozenset[int]:
    """Return the smallest set of layers to recompute whose activations fit the budget.

    Once one layer is recomputed, recomputing another one never needs more memory, so the number is found by bisection.

    Args:
        saved_bytes: function from the layers to recompute to the bytes that are saved for the backward pass.
        budget: bytes.

    Raises:
        UserError: the budget is too small even if all layers are recomputed.
    """
    if saved_bytes(frozenset()) <= budget:
        return frozenset()
    low, high = 1, layers
    if (least := saved_bytes(spread(high, layers))) > budget:
        raise UserError(
            f"train.activation_budget_gb: {budget / 1e9:.3g} GB, but with all layers recomputed the activations take "
            f"{least / 1e9:.3g} GB; raise it, or raise train.accumulate"
        )
    while low < high:
        middle = (low + high) // 2
        if saved_bytes(spread(middle, layers)) <= budget:
            high = middle
        else:
            low = middle + 1
    return spread(high, layers)


def spread(count: int, layers: int) -> frozenset[int]:
    """Return the indices of `count` evenly spaced layers."""
    return frozenset(number * layers // count for number in range(count))
