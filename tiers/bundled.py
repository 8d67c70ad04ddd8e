"""Models on this machine: the bundled toy models, and GGUF files by path or from a hub."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from tiers.errors import Misconfigured, Unreachable

PREFIX = "bundled:"


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model that comes with the package. context: in tokens. bytes: the file's size."""

    name: Literal["edge", "short", "long"]
    path: Path
    parameters: int
    context: int
    bytes: int
    kind: Literal["toy model"] = "toy model"


def listed() -> tuple[BundledModel, ...]:
    """The bundled models, smallest first; docs/toy-models.md says what they can do."""
    return (
        _bundled("edge", parameters=455_328),
        _bundled("short", parameters=1_793_760),
        _bundled("long", parameters=5_951_232),
    )


def resolve(model: str) -> Path:
    """The file of `bundled:NAME` or of a path to a GGUF.

    Raises Misconfigured, naming what exists, where there is no such file.
    """
    if model.startswith(PREFIX):
        return _named(model.removeprefix(PREFIX))
    path = Path(model).expanduser()
    if path.is_file():
        return path
    beside = sorted(path.parent.glob("*.gguf")) if path.parent.is_dir() else []
    there = f"{path.parent} holds {', '.join(p.name for p in beside)}" if beside else f"{path.parent} holds no .gguf"
    raise Misconfigured(f"model: no file {path}; {there}; bundled are {', '.join(_names())}")


def pull(repo: str, filename: str, into: Path, *, endpoint: str | None = None) -> Path:
    """Fetch one file of a hub's repository into a folder; the hub's client checks its size and hash.

    endpoint: another hub's address than HF_ENDPOINT or the public one.
    Raises Unreachable where the hub does not answer, Misconfigured where it has no such file, and where the
    hub's client is not installed.
    """
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
        from huggingface_hub.errors import EntryNotFoundError, HFValidationError, RepositoryNotFoundError
    except ImportError as missing:
        raise Misconfigured("pull needs the package huggingface_hub: pip install huggingface_hub") from missing
    try:
        get_hf_file_metadata(hf_hub_url(repo, filename, endpoint=endpoint))  # fails at once; a download tries for long
        return Path(hf_hub_download(repo, filename, local_dir=into, endpoint=endpoint))
    except HFValidationError as failed:
        raise Misconfigured(f"repo: found {repo}, allowed OWNER/NAME") from failed
    except RepositoryNotFoundError as failed:
        raise Misconfigured(f"the hub has no repository {repo}, or HF_TOKEN may not read it") from failed
    except EntryNotFoundError as failed:
        raise Misconfigured(f"repository {repo} has no file {filename}") from failed
    except Exception as failed:  # the hub's client changes its HTTP library now and then, and so its errors
        reason = str(failed).partition("\n")[0] or type(failed).__name__
        raise Unreachable(
            f"cannot reach the hub for {repo} ({reason}): connect, or name a mirror in HF_ENDPOINT"
        ) from failed


def _bundled(name: Literal["edge", "short", "long"], parameters: int) -> BundledModel:
    path = Path(str(files("tiers.toys") / "models" / f"toy-{name}.gguf"))
    return BundledModel(name=name, path=path, parameters=parameters, context=2_048, bytes=path.stat().st_size)


def _names() -> Iterator[str]:
    return (f"{PREFIX}{model.name}" for model in listed())


def _named(name: str) -> Path:
    for model in listed():
        if model.name == name:
            return model.path
    raise Misconfigured(f"model: found {PREFIX}{name}, allowed {', '.join(_names())}")
