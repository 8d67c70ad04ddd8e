"""The fitting of the trees: extremely randomised (Geurts et al. 2006), small, all heads in one forest.

Offline only (extra `train`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import DataError
from classifier.trees import LEAST, MOST, MOST_LEAVES, Trees

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COUNT = 128
ROWS_PER_LEAF = 10
INPUTS_PER_SPLIT = 0.3  # the share of all inputs that a split chooses from
NEVER = np.finfo(np.float32).max  # the threshold of padding
_LEAF = -1  # what scikit-learn calls the children of a leaf


def fit_trees(inputs: Floats, labels: Doubles, seed: int) -> Trees:
    """A forest for inputs (rows, width) and labels (rows, heads) in [0, 1], with slopes of 1. Raises DataError."""
    return from_forest([member.tree_ for member in _forest(inputs, labels, seed).estimators_], labels.shape[1])


def held_out_trees(inputs: Floats, labels: Doubles, folds: Ints, seed: int) -> Doubles:
    """Logits (rows, heads) of what forests say that have not seen the row's fold."""
    chances = np.zeros(labels.shape)
    for fold in np.unique(folds):
        held = folds == fold
        chances[held] = _forest(inputs[~held], labels[~held], seed).predict(inputs[held])
    safe = chances.clip(LEAST, MOST)
    return np.asarray(np.log(safe / (1.0 - safe)), dtype=np.float64)


def _forest(inputs: Floats, labels: Doubles, seed: int) -> Any:
    try:
        from sklearn.ensemble import ExtraTreesRegressor
    except ImportError as error:
        raise DataError("training needs scikit-learn: pip install 'tiergate[train]'") from error
    return ExtraTreesRegressor(
        COUNT,
        min_samples_leaf=ROWS_PER_LEAF,
        max_leaf_nodes=MOST_LEAVES,
        max_features=INPUTS_PER_SPLIT,
        random_state=seed,
    ).fit(inputs, labels)


def from_forest(trees: list[Any], heads: int) -> Trees:
    """scikit-learn's trees as arrays; an equal threshold goes left in both."""
    feature = np.zeros((len(trees), MOST_LEAVES - 1), dtype=np.int16)
    threshold = np.full(feature.shape, NEVER, dtype=np.float32)
    lost = np.zeros(feature.shape, dtype=np.uint32)
    leaves = np.zeros((len(trees), MOST_LEAVES, heads), dtype=np.float32)
    for place, tree in enumerate(trees):
        node = leaf = 0
        for split, below, size in _walk(tree):
            if size:
                feature[place, node] = tree.feature[split]
                threshold[place, node] = _float_below(tree.threshold[split])
                lost[place, node] = ((1 << size) - 1) << below
                node += 1
            else:
                leaves[place, leaf] = tree.value[split].reshape(-1)
                leaf += 1
    return Trees(feature, threshold, lost, leaves, np.ones(heads, dtype=np.float32))


def _walk(tree: Any) -> list[tuple[int, int, int]]:
    """(node, leaves to its left in the tree, leaves under its left child), left to right; 0 for a leaf itself."""
    found: list[tuple[int, int, int]] = []
    sizes = _leaf_counts(tree)
    todo = [(0, 0)]
    while todo:
        node, below = todo.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left == _LEAF:
            found.append((node, below, 0))
            continue
        found.append((node, below, sizes[left]))
        todo += [(right, below + sizes[left]), (left, below)]
    return found


def _leaf_counts(tree: Any) -> list[int]:
    """Leaves under each node; children come after their parents."""
    counts = [1] * tree.node_count
    for node in reversed(range(tree.node_count)):
        if tree.children_left[node] != _LEAF:
            counts[node] = counts[tree.children_left[node]] + counts[tree.children_right[node]]
    return counts


def _float_below(threshold: float) -> np.float32:
    """The greatest float32 not over `threshold`: the same inputs are over it."""
    nearest = np.float32(threshold)
    return nearest if nearest <= threshold else np.nextafter(nearest, np.float32(-np.inf))
