"""`tiergate`: one command for the gateway, its ledger, keys, models and classifier."""

import importlib.metadata
import os
import sqlite3
import sys
from typing import Annotated, Any

import typer

from classifier.errors import ClassifierError
from policies.problems import ConfigError
from router.cli import check, explain, export, keys, models, prices, reconcile, replay, serve, spend, tiers, train
from router.cli import doctor as doctor_command
from router.cli import ledger as ledger_command
from router.cli.console import fail
from router.ledger.sqlite import LedgerError

app = typer.Typer(
    name="tiergate", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="A cost-aware router for language-model traffic.",
)  # fmt: skip
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("explain")(explain.explain)
app.command("spend")(spend.spend)
app.command("reconcile")(reconcile.reconcile)
app.command("replay")(replay.replay)
app.command("doctor")(doctor_command.doctor)
app.add_typer(ledger_command.app, name="ledger", help="Verify and archive the ledger.")
app.add_typer(keys.app, name="keys", help="API keys: create, list, rotate, revoke.")
app.add_typer(export.app, name="export", help="The ledger for other tools.")
app.add_typer(models.app, name="models", help="Bundled and local GGUF models.")
app.add_typer(prices.app, name="prices", help="What a token costs on each tier.")
app.add_typer(tiers.app, name="tiers", help="Replicas of a running gateway and their state.")
app.add_typer(train.app, name="classifier", help="Train, score, evaluate and calibrate a router on your own logs.")


def main(arguments: list[str] | None = None) -> None:
    """Exit 0 fine, 1 a check failed, 2 bad input; an error is one line on standard error."""
    try:
        code: Any = app(arguments, standalone_mode=False)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201 - the format that editors and CI parse
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except (LedgerError, ClassifierError, ValueError) as error:
        fail(str(error), code=2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (OSError, sqlite3.Error) as error:
        fail(f"{type(error).__name__}: {error}", code=2)
    except Exception as error:  # noqa: BLE001 - told apart in _usage
        _usage(error)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Exception) -> None:
    """A mistake in the arguments is one line; any other error is a defect and keeps its trace.

    Typer brings its own copy of click, whose errors it does not export; they are known by what they can do.
    """
    told = getattr(error, "format_message", None)
    if told is None:
        raise error
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.ctx.get_help())  # type: ignore[attr-defined]  # noqa: T201
        sys.exit(2)
    context = getattr(error, "ctx", None)
    hint = f" See: {context.command_path} --help" if context is not None else ""
    fail(told().rstrip(".") + "." + hint, code=2)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("tiergate"))  # noqa: T201
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """A cost-aware router for language-model traffic."""
