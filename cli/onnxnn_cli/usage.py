"""What Typer says about usage, in the language of the user; of itself it speaks English."""

from __future__ import annotations

import io
import re
from functools import partial
from typing import List, Match, Type

import typer
import typer.core

from .output import note
from .text import gettext, gettext_noop, language

ClickError: Type[Exception] = typer.BadParameter.__mro__[2]
"""The class of all errors of Click, which some versions of Typer import and others bring along."""

_TEXTS = (
    gettext_noop("Usage: "),
    gettext_noop("[OPTIONS]"),
    gettext_noop("COMMAND [ARGS]..."),
    gettext_noop("Options:"),
    gettext_noop("Arguments:"),
    gettext_noop("Commands:"),
    gettext_noop("Show this message and exit."),
    gettext_noop("required]"),
    gettext_noop("[default: "),
    gettext_noop("Try {command} for help."),
    gettext_noop("Error: "),
    gettext_noop("Missing argument {name}."),
    gettext_noop("Missing option {name}."),
    gettext_noop("Missing command."),
    gettext_noop("No such option: {name}"),
    gettext_noop("No such command {name}."),
    gettext_noop("Did you mean {name}?"),
    gettext_noop("(Possible options: {names})"),
    gettext_noop("Option {name} requires an argument."),
    gettext_noop("Option {name} does not take a value."),
    gettext_noop("Got unexpected extra argument ({names})"),
    gettext_noop("Got unexpected extra arguments ({names})"),
    gettext_noop("Got unexpected extra argument(s) ({names})"),
    gettext_noop("Invalid value for {name}: "),
    gettext_noop("Invalid value: "),
    gettext_noop("{value} is not a valid integer."),
    gettext_noop("{value} is not a valid integer range."),
    gettext_noop("{value} is not a valid int range."),  # before click 8.4
    gettext_noop("{value} is not a valid float."),
    gettext_noop("{value} is not in the range {range}."),
    gettext_noop("Input should be a valid integer, unable to parse string as an integer"),
    gettext_noop("Input should be a valid number, unable to parse string as a number"),
    gettext_noop("Input should be greater than or equal to {least}"),
    gettext_noop("Input should be less than or equal to {most}"),
)
"""Texts of Typer's versions."""


class Command(typer.core.TyperCommand):
    """A command whose help is in the language of the user."""

    def get_help(self, ctx: object) -> str:
        """Return the help text."""
        return in_language(super().get_help(ctx))  # type: ignore[arg-type]  # a Context of Typer's Click


class Group(typer.core.TyperGroup):
    """The list of commands, whose help is in the language of the user."""

    def list_commands(self, ctx: object) -> List[str]:
        """Return the names as they are listed: those that have commands of their own last."""
        names = super().list_commands(ctx)  # type: ignore[arg-type]  # a Context of Typer's Click
        return sorted(names, key=lambda name: isinstance(self.commands[name], Group))

    def get_help(self, ctx: object) -> str:
        """Return the help text."""
        return in_language(super().get_help(ctx))  # type: ignore[arg-type]  # a Context of Typer's Click


def show_click_error(error: Exception) -> int:
    """Print on stderr what is wrong with a call, an error of Click; return the exit code."""
    said = io.StringIO()
    error.show(said)  # type: ignore[attr-defined]
    text = in_language(said.getvalue().rstrip("\n"))
    note(text.replace("。 ", "。"))  # between Chinese sentences is no space
    code: int = error.exit_code  # type: ignore[attr-defined]
    return code


def in_language(text: str) -> str:
    """Return a text of Typer in the language of the user."""
    if language() == "en":
        return text
    for english in _TEXTS:
        first = english.split(" ")[0]
        if first in text or "{" in first:
            text = re.sub(_pattern(english), partial(_translated, english), text)
    return text


def _translated(english: str, found: Match[str]) -> str:
    return gettext(english, **found.groupdict())


def _pattern(english: str) -> str:
    """Return a pattern that finds a text wherever it is wrapped, with its values as groups."""
    parts = re.split(r"\{(\w+)\}", english)  # literals, and names of values between them
    pattern = ""
    for number, part in enumerate(parts):
        if number % 2:
            is_inside = parts[number - 1] and parts[number + 1]
            pattern += f"(?P<{part}>{'.+?' if is_inside else '[^ ]+'})"
        else:
            pattern += r"\s+".join(map(re.escape, part.split(" ")))
    return pattern
