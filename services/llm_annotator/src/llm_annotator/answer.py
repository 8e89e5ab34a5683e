"""What a reply claims, with the places in the reply where it claims it (pure values).

Places are code points of the reply. Confidence needs them to find the tokens that spell each claim.
"""

from dataclasses import dataclass

from labels.ontology import Tool


@dataclass(frozen=True, slots=True)
class Place:
    """Half-open range of code points in the reply, without quotes.

    `quoted` says whether quotes stand around it.
    """

    start: int
    end: int
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class Named:
    """A category of the tool and where the reply names it."""

    category: str
    at: Place


@dataclass(frozen=True, slots=True)
class Mention:
    """An entity: its text as the model wrote it, its category, and where both stand."""

    text: str
    text_at: Place
    named: Named


@dataclass(frozen=True, slots=True)
class ListEnds:
    """Places of a list's closing bracket and of the commas between its items."""

    close_at: int
    commas: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The answer for one tool.

    CHOICE_SINGLE: one in `named`. CHOICE_MULTI: any number in `named`, each category once, and `ends`.
    SPAN: `mentions` and `ends`.
    """

    tool: Tool
    named: tuple[Named, ...] = ()
    mentions: tuple[Mention, ...] = ()
    ends: ListEnds | None = None


Answer = tuple[ToolAnswer, ...]
"""One answer for each text tool, in the ontology's order."""
