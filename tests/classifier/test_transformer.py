"""The transformer: the exported graph is BERT, int8 stays near it, and serving takes any text."""

import json
import shutil

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from classifier.artifact import load
from classifier.errors import ArtifactError
from classifier.export import export, read_bert
from classifier.train import train
from classifier.transformer import Transformer
from classifier.types import Question

LAYERS, HEADS, WIDTH, WORDS = 2, 4, 32, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder of sentence-transformers with random weights."""
    folder = tmp_path_factory.mktemp("bert") / "tiny"
    folder.mkdir()
    draw = np.random.default_rng(5)
    dense = {"attention.self.query": (WIDTH, WIDTH), "attention.self.key": (WIDTH, WIDTH),
             "attention.self.value": (WIDTH, WIDTH), "attention.output.dense": (WIDTH, WIDTH),
             "intermediate.dense": (64, WIDTH), "output.dense": (WIDTH, 64)}  # fmt: skip
    weights = {
        "embeddings.word_embeddings.weight": draw.normal(size=(len(WORDS), WIDTH)),
        "embeddings.position_embeddings.weight": draw.normal(size=(300, WIDTH)) * 0.1,
        "embeddings.token_type_embeddings.weight": draw.normal(size=(2, WIDTH)) * 0.1,
    }
    norms = ["embeddings."]
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        norms += [f"{prefix}attention.output.", f"{prefix}output."]
        for name, (out, wide) in dense.items():
            weights[f"{prefix}{name}.weight"] = draw.normal(size=(out, wide)) / wide**0.5
            weights[f"{prefix}{name}.bias"] = draw.normal(size=out) * 0.1
    for prefix in norms:
        weights[f"{prefix}LayerNorm.weight"] = 1 + draw.normal(size=WIDTH) * 0.1
        weights[f"{prefix}LayerNorm.bias"] = draw.normal(size=WIDTH) * 0.1
    write_safetensors(folder / "model.safetensors", {k: v.astype(np.float32) for k, v in weights.items()})
    config = {"model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
              "hidden_size": WIDTH, "layer_norm_eps": 1e-12}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    (folder / "tokenizer.json").write_text(tokenizer.to_str())
    return folder


def write_safetensors(path, tensors):
    header, blob = {}, b""
    for name, values in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [len(blob), len(blob) + values.nbytes],
        }
        blob += values.tobytes()
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + blob)


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "tiny"
    export(out, source)
    return out


def bert(source, ids):
    """The sentence vector by the formulas of the paper (Devlin et al. 2018), in float64."""
    shape, loaded = read_bert(source)
    w = {name: values.astype(np.float64) for name, values in loaded.items()}

    def dense(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(prefix, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        unit = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + shape.epsilon)
        return unit * w[f"{prefix}LayerNorm.weight"] + w[f"{prefix}LayerNorm.bias"]

    def heads(x):
        return x.reshape(len(ids), HEADS, WIDTH // HEADS).transpose(1, 0, 2)

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm("embeddings.", x + w["embeddings.token_type_embeddings.weight"][0])
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        query, key, value = (heads(dense(f"{at}attention.self.{part}", x)) for part in ("query", "key", "value"))
        weight = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(WIDTH // HEADS))
        seen = (weight / weight.sum(axis=-1, keepdims=True)) @ value
        seen = seen.transpose(1, 0, 2).reshape(len(ids), WIDTH)
        x = norm(f"{at}attention.output.", x + dense(f"{at}attention.output.dense", seen))
        wide = dense(f"{at}intermediate.dense", x)
        erf = np.vectorize(__import__("math").erf)
        x = norm(f"{at}output.", x + dense(f"{at}output.dense", wide * (1 + erf(wide / 2**0.5)) / 2))
    return x.mean(axis=0) / np.linalg.norm(x.mean(axis=0))


def test_the_exported_model_computes_bert(source, folder):
    """Every vector is within a cosine of 0.98 of the formulas' (int8 on 32 numbers), for short and long texts."""
    served = Transformer.open(folder)
    for text in ("a", "a b c", " ".join("qwertyuiop" * 12)):
        ids = [WORDS.index(word) for word in ("[CLS]", *text.split(), "[SEP]")]
        assert float(served.embed([text])[0] @ bert(source, ids)) > 0.98


def test_vectors_do_not_depend_on_their_batch(folder):
    """A text among others keeps its vector but for quantisation, its place, and unit length."""
    served = Transformer.open(folder)
    texts = ["x y z", "a", " ".join("lorem" * 30), "q q q q", "a"]
    together = served.embed(texts)
    alone = np.stack([served.embed([text])[0] for text in texts])
    assert together.shape == (5, WIDTH)
    assert together.dtype == np.float32
    assert (together * alone).sum(axis=1).min() > 0.99
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert served.embed([]).shape == (0, WIDTH)


@pytest.mark.parametrize("text", ["", " \n\t", "\ud800", "\x00", "日本語 🙂", "a" * 100_000, "b " * 100_000])
def test_any_text_has_a_vector(folder, text):
    """Nothing that a client may send has no unit vector."""
    assert abs(np.linalg.norm(Transformer.open(folder).embed([text])[0]) - 1.0) < 1e-4


def test_what_is_not_read_whole_is_told(folder):
    """`fits` is false exactly where the middle of a text is left out."""
    served = Transformer.open(folder, most_tokens=10)
    assert served.fits("a b c d e f g h")
    assert not served.fits("a b c d e f g h i")
    long, other = "a b c d e f g h i j", "a b c d x y g h i j"
    assert np.allclose(served.embed([long]), served.embed([other]))


def test_a_damaged_folder_is_refused_with_what_mends_it(folder, tmp_path):
    """Missing, changed or foreign files name the command that makes them again."""
    with pytest.raises(ArtifactError, match="export-embedder --out"):
        Transformer.open(tmp_path)
    for name in ("card.json", "model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ArtifactError, match=r"model\.onnx: corrupt"):
        Transformer.open(tmp_path)


def test_a_foreign_source_is_refused(source, tmp_path):
    """A model that is not a BERT is named, and nothing is written."""
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((source / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(ArtifactError, match="found gpt2, gelu, allowed bert, gelu"):
        export(tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_an_artifact_brings_its_transformer_along(folder, rows_of, jsonl, tmp_path):
    """Trained with a transformer, an artifact reads prompts by it wherever it is loaded."""
    train(jsonl(tmp_path / "rows.jsonl", rows_of(1, 120)), tmp_path / "artifact", embedder=folder)
    loaded = load(tmp_path / "artifact")
    assert loaded.dim == WIDTH
    assert loaded.card["embedding"] == Transformer.open(folder).name
    assert set(loaded.assess(Question("Calculate 3 + 4.")).quality) == {"small", "large"}
    shutil.rmtree(tmp_path / "artifact" / "embedder")
    with pytest.raises(ArtifactError, match="embedding: found"):
        load(tmp_path / "artifact")
