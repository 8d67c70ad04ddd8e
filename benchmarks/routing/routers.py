"""The routers that are compared: each learns from labelled rows and then rates every tier for rows it has not seen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from classifier.artifact import Classifier, load
from classifier.data import Table
from classifier.embed import load_embedding
from classifier.fit import fit_outcomes, folds_by_prompt, one_thread
from classifier.fit_inputs import fit_inputs
from classifier.reading import reading

NEIGHBOURS = 60
Router = Callable[[Table, Table, int], np.ndarray]


def pick(table: Table, rows: np.ndarray) -> Table:
    """The table with these rows only."""
    return replace(
        table,
        questions=tuple(table.questions[row] for row in rows),
        correct=table.correct[rows],
        output_tokens=None if table.output_tokens is None else table.output_tokens[rows],
    )


def halves(table: Table, labels: int, seed: int) -> tuple[Table, Table]:
    """`labels` rows drawn with the seed, and the others; equal prompts are never on both sides."""
    order = np.random.default_rng(seed).permutation(len(table.questions))
    learned = {table.questions[row].text for row in order[:labels]}
    rest = [row for row in order[labels:] if table.questions[row].text not in learned]
    return pick(table, order[:labels]), pick(table, np.array(rest))


def learn(table: Table, seed: int) -> Classifier:
    """Tiergate's classifier, learned from `table`; its length head is the bundled one and means nothing here."""
    folds = folds_by_prompt([question.text for question in table.questions], seed)
    with one_thread():
        inputs = fit_inputs(load_embedding(), table.questions, seed)
        fit = fit_outcomes(inputs.matrix(table.questions), table.tiers, table.correct, folds, seed)
    return replace(load("bundled"), inputs=inputs, outcomes=fit.head, version=f"benchmark-{seed}")


def rate(classifier: Classifier, table: Table) -> np.ndarray:
    """Quality (rows, tiers) that the classifier predicts."""
    return classifier.outcomes.outcomes(classifier.inputs.matrix(table.questions))[0]


def tiergate(train: Table, test: Table, seed: int) -> np.ndarray:
    """The static classifier, as `tiergate classifier train` makes it."""
    return rate(learn(train, seed), test)


def tfidf(train: Table, test: Table, _seed: int) -> np.ndarray:
    """Words and pairs of words, weighed by rarity; a logistic model for each tier."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    known = words.fit_transform([question.text for question in train.questions])
    new = words.transform([question.text for question in test.questions])
    weights = [(label, 1.0 - label) for label in train.correct.T.clip(0.001, 0.999)]
    stacked = _twice(known)
    models = [
        LogisticRegression(C=1.0, max_iter=500).fit(stacked, _yes_no(len(w[0])), sample_weight=np.concatenate(w))
        for w in weights
    ]
    return np.stack([model.predict_proba(new)[:, 1] for model in models], axis=1)


def knn(train: Table, test: Table, _seed: int) -> np.ndarray:
    """The mean of the nearest rows, the nearer the heavier, by the static embedding."""
    embedding = load_embedding()
    known = embedding.embed([reading(question) for question in train.questions])
    new = embedding.embed([reading(question) for question in test.questions])
    near = new @ known.T
    count = min(NEIGHBOURS, len(train.questions))
    nearest = np.argpartition(-near, count - 1, axis=1)[:, :count]
    weights = 1.0 / (1e-3 + np.maximum(1.0 - np.take_along_axis(near, nearest, axis=1), 0.0))
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights[:, :, None] * train.correct[nearest]).sum(axis=1)


def _twice(rows):
    from scipy import sparse

    return sparse.vstack((rows, rows))


def _yes_no(rows: int) -> np.ndarray:
    return np.repeat([1, 0], rows)


ROUTERS: dict[str, Router] = {"Tiergate": tiergate, "TF-IDF logistic": tfidf, f"kNN ({NEIGHBOURS})": knn}
