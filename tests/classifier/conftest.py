"""A small table whose difficulty can be read off the prompt, and a classifier trained on it."""

import json
import random

import pytest

from classifier.train import train

TOPICS = ["cats", "the tides", "glass", "a rainbow", "engines", "bread", "rivers", "clouds", "maps", "chess"]


def easy_rows(seed, count, *, shuffled=False):
    """Short questions that both tiers answer, long calculations that only the dearer one does, 10 % noise."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        hard = draw.random() < 0.5
        number, topic = draw.randrange(100, 999), draw.choice(TOPICS)
        text = f"Calculate {number} + {number + 7} and prove it." if hard else f"What is known about {topic}?"
        cheap = float(hard == (draw.random() < 0.1))
        tokens = draw.randint(150, 250) if hard else draw.randint(5, 15)
        rows.append(
            {
                "prompt": f"{text} ({draw.randrange(10**6)})",
                "correct.small": cheap,
                "correct.large": float(draw.random() < 0.95),
                "output_tokens.small": tokens,
                "output_tokens.large": tokens + 3,
            }
        )
    if shuffled:
        labels = [(row["correct.small"], row["correct.large"]) for row in rows]
        draw.shuffle(labels)
        for row, (small, large) in zip(rows, labels, strict=True):
            row["correct.small"], row["correct.large"] = small, large
    return rows


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def rows_of():
    return easy_rows


@pytest.fixture(scope="session")
def jsonl():
    return write_jsonl


@pytest.fixture(scope="session")
def told():
    """What training said of its progress while `easy` was made."""
    return []


@pytest.fixture(scope="session")
def easy(tmp_path_factory, told):
    """Folder of an artifact trained on easy rows, and a table of other easy rows to measure it on."""
    folder = tmp_path_factory.mktemp("easy")
    data = write_jsonl(folder / "train.jsonl", easy_rows(1, 160))
    train(data, folder / "artifact", seed=0, progress=lambda step, done: told.append((step, done)))
    return folder / "artifact", write_jsonl(folder / "test.jsonl", easy_rows(2, 160))
