"""One temperature for the logits of a head (Guo et al. 2017, arXiv:1706.04599)."""

import numpy as np

LOWEST, HIGHEST = 0.25, 8.0


def fit_temperature(task, targets, predictions, weights=None):
    """The temperature with the lowest log loss; 1 where the task has none.

    Args:
        task: one of `tasks`; targets, predictions: (n, ...), of examples that did not train.
        weights: (n,), how much each counts; by default all alike.
    """
    from scipy.optimize import minimize_scalar

    if task.tempered(predictions, 1.0) is None:
        return 1.0

    def loss(log_temperature):
        tempered = task.tempered(predictions, np.exp(log_temperature))
        return np.average(task.log_losses(targets, tempered), weights=weights)

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def clearly_lowers_loss(task, targets, predictions, temperature):
    """Whether a temperature lowers the log loss by more than a standard error."""
    before = task.log_losses(targets, task.tempered(predictions, 1.0))
    gains = before - task.log_losses(targets, task.tempered(predictions, temperature))
    return gains.mean() > gains.std() / np.sqrt(len(gains))


def set_temperature(model, temperature):
    """Divide the logits of `model` by `temperature`: its predictions keep their order."""
    if temperature != 1.0:
        head = model.get_layer("head")
        head.set_weights([array / temperature for array in head.get_weights()])
