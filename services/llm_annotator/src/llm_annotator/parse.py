"""Reply text -> answer (pure).

Accepted beside the bare JSON: a code fence or prose around it (if that holds no braces), a comma before a
closing bracket, categories in other case or with other white space, `_` or `-`, the bare list where the
answer is a list, and for a single choice the bare category. Anything else is Unusable: nothing that the reply
claims is ever left out.
"""

import re
import unicodedata
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from labels.ontology import Tool, ToolKind
from llm_annotator.answer import Answer, ListEnds, Mention, Named, Place, ToolAnswer
from llm_annotator.errors import AnnotatorError
from llm_annotator.reply_json import Array, Node, NotJson, Object, String, read
from llm_annotator.schema import ANSWER_KEY, Schema, compile_schema

_BRACES = re.compile(r"[{}]")
_SEPARATORS = re.compile(r"[\s_-]+")
_FENCE = re.compile(r"```\w*")


class Unusable(AnnotatorError):
    """The reply cannot be used; the sentence is for the model and may quote its reply."""


class ReplyParser:
    """Reads replies for one ontology; the schema is compiled once."""

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self.tools = tools
        self.schema: Schema = compile_schema(tools)
        self._validator = Draft202012Validator(self.schema)
        self._names = {tool.name: _Names(tool) for tool in tools}

    def parse(self, reply: str) -> Answer:
        """The answer that the reply gives; raises Unusable with what is wrong."""
        root = self._root(reply)
        if isinstance(root, Place):
            return (self._bare(reply, root),)
        members = self._members(root)
        value = {tool.name: self._plain(tool, node) for tool, node in members}
        self._check(value[self.tools[0].name] if len(self.tools) == 1 else value)
        return tuple(self._answer(tool, node) for tool, node in members)

    def _root(self, reply: str) -> Node | Place:
        """The reply's JSON, or the place of its only words where it has none."""
        single = len(self.tools) == 1
        listed = single and self.tools[0].kind is not ToolKind.CHOICE_SINGLE
        starts = [at for at in (reply.find("{"), reply.find("[") if listed else -1) if at >= 0]
        if not starts:
            if single and not listed:
                return _words(reply)
            raise Unusable("it holds no JSON object.")
        start = min(starts)
        try:
            root = read(reply, start)
        except NotJson as error:
            raise Unusable(str(error)) from None
        if _BRACES.search(reply, 0, start) or _BRACES.search(reply, root.end):
            raise Unusable("it holds more than one JSON object.")
        return root

    def _bare(self, reply: str, place: Place) -> ToolAnswer:
        tool = self.tools[0]
        category = self._names[tool.name].get(reply[place.start : place.end])
        if category is None:
            raise Unusable("it holds no JSON object.")
        return ToolAnswer(tool, named=(Named(category, place),))

    def _members(self, root: Node) -> list[tuple[Tool, Node]]:
        """Each tool with the node of its answer (the value of its one key)."""
        if len(self.tools) == 1:
            return [(self.tools[0], _inner(self.tools[0], root))]
        by_name = _members(root)
        missing = [tool.name for tool in self.tools if tool.name not in by_name]
        if missing or len(by_name) != len(self.tools):
            wanted = ", ".join(f'"{tool.name}"' for tool in self.tools)
            raise Unusable(f"the object must have exactly the keys {wanted}.")
        return [(tool, _inner(tool, by_name[tool.name])) for tool in self.tools]

    def _plain(self, tool: Tool, node: Node) -> Any:
        return {ANSWER_KEY[tool.kind]: _plain(node, self._names[tool.name])}

    def _check(self, value: Any) -> None:
        error = best_match(self._validator.iter_errors(value))
        if error is not None:
            where = "/".join(str(step) for step in error.absolute_path)
            raise Unusable(f'"{where}" does not fit the schema: {error.message[:500]}.')

    def _answer(self, tool: Tool, node: Node) -> ToolAnswer:
        """The checked node as an answer."""
        names = self._names[tool.name]
        if isinstance(node, String):
            return ToolAnswer(tool, named=(_named(node, names),))
        if not isinstance(node, Array):
            raise Unusable("the answer is not a list.")
        ends = ListEnds(node.end - 1, node.commas)
        if tool.kind is ToolKind.CHOICE_MULTI:
            named = [_named(item, names) for item in node.items if isinstance(item, String)]
            if len({one.category for one in named}) != len(named):
                raise Unusable("a category is named twice.")
            return ToolAnswer(tool, named=tuple(named), ends=ends)
        mentions = [_mention(item, names) for item in node.items if isinstance(item, Object)]
        return ToolAnswer(tool, mentions=tuple(mentions), ends=ends)


class _Names:
    """A tool's categories by exact spelling, and by folded spelling where no two fold alike."""

    def __init__(self, tool: Tool) -> None:
        self._exact = frozenset(tool.category_names)
        folded: dict[str, list[str]] = {}
        for name in tool.category_names:
            folded.setdefault(_fold(name), []).append(name)
        self._folded = {key: same[0] for key, same in folded.items() if len(same) == 1}

    def get(self, text: str) -> str | None:
        """The category that a string names."""
        return text if text in self._exact else self._folded.get(_fold(text))


def _fold(text: str) -> str:
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def _inner(tool: Tool, node: Node) -> Node:
    key = ANSWER_KEY[tool.kind]
    if isinstance(node, Array):
        return node
    members = _members(node)
    if set(members) != {key}:
        raise Unusable(f'the object must have exactly the key "{key}".')
    return members[key]


def _members(node: Node) -> dict[str, Node]:
    """The members of an object by key without case and outer white space."""
    if not isinstance(node, Object):
        raise Unusable("it is not a JSON object.")
    members = {key.strip().lower(): member for key, member in node.members.items()}
    if len(members) != len(node.members):
        raise Unusable("a key in the JSON occurs twice.")
    return members


def _plain(node: Node, names: _Names) -> Any:
    """The node as plain values for the validator, categories in their exact spelling."""
    if isinstance(node, String):
        return names.get(node.value) or node.value
    if isinstance(node, Array):
        return [_plain(item, names) for item in node.items]
    if isinstance(node, Object):
        members = _members(node)
        return {
            key: child.value if key == "text" and isinstance(child, String) else _plain(child, names)
            for key, child in members.items()
        }
    return None


def _named(node: String, names: _Names) -> Named:
    category = names.get(node.value)
    if category is None:
        raise Unusable("it names a category that does not exist.")
    return Named(category, Place(node.start, node.end))


def _mention(node: Object, names: _Names) -> Mention:
    members = _members(node)
    text, category = members["text"], members["category"]
    if not isinstance(text, String) or not isinstance(category, String):
        raise Unusable("an entity's text and category must be strings.")
    return Mention(text.value, Place(text.start, text.end), _named(category, names))


def _words(reply: str) -> Place:
    """The place of what is left without fences, quotes, white space and a full stop around it."""
    blank = _FENCE.sub(lambda match: " " * len(match[0]), reply)
    body = blank.strip(" \t\r\n\"'`*.")
    start = blank.find(body) if body else 0
    return Place(start, start + len(body), quoted=False)
