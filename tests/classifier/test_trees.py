"""The forest: the same as scikit-learn's, for any input."""

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from classifier.fit_trees import COUNT, INPUTS_PER_SPLIT, ROWS_PER_LEAF, fit_trees, held_out_trees
from classifier.trees import MOST_LEAVES


def rows(count, seed):
    """Inputs with many equal values, so that some lie on a threshold."""
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(count, 12)).astype(np.float32)
    inputs[:, :4] = np.round(inputs[:, :4])
    labels = (draw.random((count, 3)) < 1 / (1 + np.exp(-2 * inputs[:, :3]))).astype(float)
    return inputs, labels


def test_trees_say_what_scikit_learn_says():
    """Every chance equals that of the forest that the arrays were made from."""
    inputs, labels = rows(400, 0)
    trees = fit_trees(inputs, labels, seed=7)
    forest = ExtraTreesRegressor(
        COUNT,
        min_samples_leaf=ROWS_PER_LEAF,
        max_leaf_nodes=MOST_LEAVES,
        max_features=INPUTS_PER_SPLIT,
        random_state=7,
    ).fit(inputs, labels)
    others = np.concatenate((rows(200, 1)[0], inputs[:50] * 1e6, np.zeros((1, 12), dtype=np.float32)))
    assert np.allclose([trees.chances(row) for row in others], forest.predict(others), atol=1e-6)


def test_held_out_logits_have_not_seen_the_row():
    """Labels drawn at random cannot be told on held-out rows, though the forest can learn them by heart."""
    inputs, _ = rows(300, 2)
    labels = np.random.default_rng(3).integers(0, 2, (300, 2)).astype(float)
    folds = np.arange(300) % 5
    logits = held_out_trees(inputs, labels, folds, seed=0)
    assert abs(np.corrcoef(logits[:, 0], labels[:, 0])[0, 1]) < 0.2
