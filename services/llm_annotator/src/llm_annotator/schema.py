"""Ontology -> JSON Schema of the reply (pure).

With exactly one text tool the reply is that tool's answer; with several it is an object of answers by tool
name: CHOICE_SINGLE `{"category": c}`, CHOICE_MULTI `{"categories": [c ...]}`, SPAN `{"entities": [{"text",
"category"} ...]}`.
"""

import json
from typing import Any

from labels.ontology import TEXT_KINDS, Ontology, Tool, ToolKind
from llm_annotator.errors import NoTextTool

Schema = dict[str, Any]

ANSWER_KEY = {
    ToolKind.CHOICE_SINGLE: "category",
    ToolKind.CHOICE_MULTI: "categories",
    ToolKind.SPAN: "entities",
}
"""The one key of each kind's answer."""

# White space and prose that a model without a grammar may put around its JSON, in tokens.
_SLACK_TOKENS = 64


def text_tools(ontology: Ontology) -> tuple[Tool, ...]:
    """The tools that a language model answers for, in order; raises NoTextTool when there is none."""
    tools = tuple(tool for tool in ontology.tools if tool.kind in TEXT_KINDS)
    if not tools:
        raise NoTextTool
    return tools


def compile_schema(tools: tuple[Tool, ...]) -> Schema:
    """JSON Schema of the reply, within the subset that strict structured output accepts."""
    if len(tools) == 1:
        return _answer(tools[0])
    return _object({tool.name: _answer(tool) for tool in tools})


def schema_json(schema: Schema) -> str:
    """The schema as JSON.

    Keys stay in order, because models write properties in the order they are listed.
    """
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def output_tokens(tools: tuple[Tool, ...], limit: int) -> int:
    """Tokens enough for any valid reply, at most `limit`; a token is at least one byte."""
    if any(tool.kind is ToolKind.SPAN for tool in tools):
        return limit
    longest = sum(_longest_bytes(tool) for tool in tools)
    return min(limit, longest + _SLACK_TOKENS)


def _longest_bytes(tool: Tool) -> int:
    sizes = [len(json.dumps(name)) + 2 for name in tool.category_names]
    body = max(sizes) if tool.kind is ToolKind.CHOICE_SINGLE else sum(sizes)
    return body + len(tool.name) + len('"":{"categories":[]},')


def _answer(tool: Tool) -> Schema:
    category: Schema = {"type": "string", "enum": list(tool.category_names)}
    key = ANSWER_KEY[tool.kind]
    if tool.kind is ToolKind.CHOICE_SINGLE:
        return _object({key: category})
    if tool.kind is ToolKind.CHOICE_MULTI:
        return _object({key: {"type": "array", "items": category, "maxItems": len(tool.categories)}})
    entity = _object({"text": {"type": "string"}, "category": category})
    return _object({key: {"type": "array", "items": entity}})


def _object(properties: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
