"""The command `sevspec`: one verb for each module of `sevspec/commands/`.

A verb's module has a function of the verb's name, which Typer turns into options and arguments. It returns the exit
code: None or 0 what was asked holds, 1 a claim fails. A wrong request raises `Refused`: one line, exit code 2.
"""

import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

import typer

from sevspec import commands
from sevspec.manuals import version_text
from sevspec.refused import Refused
from sevspec.terminal import mistake

EPILOG = "Example: sevspec explain rmpadjust. Verbs take --json and --help. Exit: 0 holds, 1 fails, 2 wrong request."

WRONG_USAGE: type[Exception] = typer.BadParameter.__mro__[2]
"""What Typer raises for options and arguments that do not fit; it does not export the base class."""

INTERRUPTED = 130
"""What shells expect after Ctrl-C."""


def verbs() -> list[str]:
    """The verbs that there are; a hyphen in a verb is an underscore in its module's name."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(commands.__path__))


def show_version(wanted: bool) -> None:
    """`--version`."""
    if wanted:
        typer.echo(version_text())
        raise typer.Exit


VERSION = typer.Option("--version", callback=show_version, is_eager=True, help="Versions and manuals, then exit.")


def application(wanted: Sequence[str]) -> typer.Typer:
    """The verbs as a Typer application; of these, only the modules of `wanted` are loaded."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, epilog=EPILOG)

    @app.callback()
    def root(
        _version: Annotated[bool, VERSION] = False,
    ) -> None:
        """A formally checked, executable specification of AMD SEV-SNP."""

    for verb in wanted:
        name = verb.replace("-", "_")
        module = import_module(f"sevspec.commands.{name}")
        app.command(verb, context_settings=getattr(module, "CONTEXT_SETTINGS", None))(getattr(module, name))
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show ≠ or ─ shows something else
    words = list(sys.argv[1:] if arguments is None else arguments)
    known = verbs()
    named = [word for word in words[:1] if word in known]
    if words and not named and not words[0].startswith("-"):
        mistake(f"no verb '{words[0]}'; there {'are' if len(known) > 1 else 'is'} {', '.join(known)}")
        return 2
    try:
        command = typer.main.get_command(application([] if words == ["--version"] else named or known))
        code = int(command.main(words or ["--help"], prog_name="sevspec", standalone_mode=False) or 0)
        sys.stdout.flush()
        return code
    except Refused as refused:
        mistake(str(refused))
    except WRONG_USAGE as wrong:
        mistake(getattr(wrong, "format_message", wrong.__str__)())
    except typer.Abort:
        mistake("interrupted")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader has gone (`sevspec … | head`), and Typer exits for it; there is no one to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 2
