"""What stands in front of a plugin in the sandbox: its words, and the loop that asks it.

The text runs inside the sandbox, in the sandbox's Python: no generators, no inheritance, no host.
"""

PRELUDE = """
import json

class Thing:
    def __init__(self, fields):
        for name, value in fields.items():
            setattr(self, name, value)

def _id(annotation):
    if annotation is None or isinstance(annotation, str):
        return annotation or ""
    return annotation.id

def flag(message, annotation=None, severity=""):
    return {"do": "flag", "message": message, "annotation": _id(annotation), "severity": severity}

def delete(annotation):
    return {"do": "delete", "annotation": _id(annotation)}

def relabel(annotation, category):
    return {"do": "relabel", "annotation": _id(annotation), "category": category}

def resize(annotation, box=None, rings=None, span=None):
    return {"do": "resize", "annotation": _id(annotation), "box": box, "rings": rings, "span": span}

def route(boost=100.0, pool=""):
    return {"do": "route", "boost": boost, "pool": pool}

def block():
    return {"do": "block"}

def resolve(annotations):
    return {"do": "resolve", "annotations": [_claim(a) for a in annotations]}

def emit(topic, **fields):
    return {"do": "emit", "topic": topic, "fields": fields}

def _claim(annotation):
    if isinstance(annotation, dict):
        return annotation
    return {"answer": annotation.answer, "annotation": annotation.id}

def _label(fields):
    label = Thing(fields)
    label.annotations = [Thing(a) for a in label.annotations]
    label.shapes = [a for a in label.annotations if a.kind in ("BOX", "POLYGON", "MASK")]
    label.spans = [a for a in label.annotations if a.kind == "SPAN"]
    label.choices = [a for a in label.annotations if a.kind == "CHOICE"]
    return label

def _facts(fields):
    facts = Thing(fields)
    facts.answers = [_label(answer) for answer in facts.answers]
    return facts

_said = []
_said_characters = 0

def _ask(hook, item):
    return hook(_label(item[0]), Thing(item[1]), _facts(item[2]))

def _ask_all(hook, items, tell, encode, kept):
    global _said_characters
    for item in items:
        _said.clear()
        _said_characters = 0
        stage = "raised"
        try:
            reply = _ask(hook, item)
            stage = "shape"
            line = encode(["reply", reply, _said if kept else []], allow_nan=False)
        except BaseException as error:
            line = encode([stage, type(error).__name__, _said if kept else []])
        tell(line)

_tell = print

def print(*words, sep=" ", end="\\n", file=None, flush=False):
    global _said_characters
    text = str(sep).join([str(word) for word in words])
    left = 4000 - _said_characters
    if left > 0 and len(_said) < 100:
        _said.append(text[:left])
        _said_characters += min(len(text), left) + 1
"""
