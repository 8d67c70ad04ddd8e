"""`tiergate check`: is this configuration right?"""

import os
from pathlib import Path
from typing import Annotated

import typer

from policies.load import load
from policies.schema import Config
from router.cli.console import say
from router.settings import embedded_config

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="The YAML file; without it the embedded configuration.")
]


def read(config: Path | None, *, insecure: bool = False) -> Config:
    """Raises ConfigError with every problem in the file."""
    return load(config or embedded_config(), os.environ, insecure=insecure)


def check(config: ConfigOption = None) -> None:
    """Validate a configuration; every error as file:line:column: field: found X, allowed Y."""
    described = read(config)
    tiers = ", ".join(described.tiers)
    say(f"{config or 'embedded configuration'}: ok ({len(described.tiers)} tiers: {tiers}; models: "
        f"{', '.join(described.models)})")  # fmt: skip
