import json

import pytest

from labels.ontology import ToolKind
from llm_annotator.parse import ReplyParser, Unusable

SINGLE, MULTI, SPAN = ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI, ToolKind.SPAN


@pytest.mark.parametrize(
    ("reply", "category"),
    [
        ('{"category": "sport"}', "sport"),
        ('```json\n{"category": "sport"}\n```', "sport"),
        ('Sure! Here it is: {"category":"sport"} Hope that helps.', "sport"),
        ('{"category": "SPORT "}', "sport"),
        ('{"category": "world_news"}', "World news"),
        ('{"category": "world  -news",}', "World news"),
        ('{"Category": "sport"}', "sport"),
        ('{"category": "\\u0073port"}', "sport"),
        ("sport", "sport"),
        (' "Sport". ', "sport"),
        ("```\nsport\n```", "sport"),
    ],
)
def test_a_category_is_read_where_nothing_is_lost(tool, reply, category):
    answer = ReplyParser((tool(SINGLE, "sport", "World news"),)).parse(reply)
    assert [named.category for named in answer[0].named] == [category]


def test_places_point_at_the_source(tool):
    reply = 'ok: {"category": "sp\\u006frt"}'
    at = ReplyParser((tool(SINGLE, "sport"),)).parse(reply)[0].named[0].at
    assert reply[at.start : at.end] == "sp\\u006frt"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   ",
        "```",
        "not sport",
        '{"category": "music"}',
        '{"category": null}',
        '{"category": 3}',
        '{"category": ["sport"]}',
        '{"category": "sport", "why": "ball"}',
        '{"category": "sport", "category": "World news"}',
        '{"category": "sport", "Category": "World news"}',
        '{"category": "sport"} or {"category": "World news"}',
        '{"category": "sport"',
        '{"category": "sport',
        '{"category": sport}',
        '{"category" "sport"}',
        '{category: "sport"}',
        '["sport"]',
        "{" * 5000,
        '{"category":' * 50 + '"sport"' + "}" * 50,
        '{"category": ' + "9" * 10000 + "}",
    ],
)
def test_what_claims_something_else_is_refused(tool, reply):
    with pytest.raises(Unusable):
        ReplyParser((tool(SINGLE, "sport", "World news"),)).parse(reply)


def test_categories_that_fold_alike_need_their_exact_spelling(tool):
    parser = ReplyParser((tool(SINGLE, "US", "us"),))
    assert parser.parse('{"category": "us"}')[0].named[0].category == "us"
    assert parser.parse('{"category": "US"}')[0].named[0].category == "US"
    with pytest.raises(Unusable):
        parser.parse('{"category": "Us"}')


def test_multi_keeps_order_and_places(tool):
    reply = '{"categories": ["b", "A" , ]}'
    answer = ReplyParser((tool(MULTI, "a", "b", "c"),)).parse(reply)[0]
    assert [named.category for named in answer.named] == ["b", "a"]
    assert answer.ends is not None
    assert reply[answer.ends.close_at] == "]"
    assert [reply[at] for at in answer.ends.commas] == [","]


@pytest.mark.parametrize("reply", ['{"categories": []}', "[]", "none: []"])
def test_multi_may_be_empty(tool, reply):
    assert ReplyParser((tool(MULTI, "a", "b"),)).parse(reply)[0].named == ()


@pytest.mark.parametrize(
    "reply", ['{"categories": ["a", "A"]}', '{"categories": "a"}', '{"categories": ["d"]}']
)
def test_multi_refuses(tool, reply):
    with pytest.raises(Unusable):
        ReplyParser((tool(MULTI, "a", "b"),)).parse(reply)


def test_entities_are_read_in_order(tool, entities_json):
    pairs = [("Ann", "PER"), ("Köln", "loc"), ("Ann", "PER")]
    answer = ReplyParser((tool(SPAN, "PER", "LOC"),)).parse(entities_json(*pairs))[0]
    assert [(m.text, m.named.category) for m in answer.mentions] == [
        ("Ann", "PER"),
        ("Köln", "LOC"),
        ("Ann", "PER"),
    ]


def test_entity_texts_that_look_like_categories_stay_as_written(tool, entities_json):
    answer = ReplyParser((tool(SPAN, "PER"),)).parse(entities_json(("per", "PER")))[0]
    assert answer.mentions[0].text == "per"


def test_bare_list_of_entities(tool):
    answer = ReplyParser((tool(SPAN, "PER"),)).parse('[{"text": "Ann", "category": "PER"}]')[0]
    assert answer.mentions[0].text == "Ann"


@pytest.mark.parametrize(
    "reply",
    [
        '{"entities": [{"text": "Ann"}]}',
        '{"entities": [{"text": "Ann", "category": "PER", "start": 0}]}',
        '{"entities": [{"text": 3, "category": "PER"}]}',
        '{"entities": {"text": "Ann", "category": "PER"}}',
        '{"entities": ["Ann"]}',
        '{"entities": [[["Ann"]]]}',
        '{"entities": [{"text": "Ann", "category": "PER"}], "more": [{"text": "Bo", "category": "PER"}]}',
    ],
)
def test_entities_refused(tool, reply):
    with pytest.raises(Unusable):
        ReplyParser((tool(SPAN, "PER"),)).parse(reply)


def test_several_tools_answer_by_name(tool):
    tools = (tool(SINGLE, "good", "bad", name="mood"), tool(SPAN, "PER", name="names"))
    reply = {"names": {"entities": [{"text": "Ann", "category": "PER"}]}, "mood": {"category": "good"}}
    answer = ReplyParser(tools).parse(json.dumps(reply))
    assert [one.tool.name for one in answer] == ["mood", "names"]
    assert answer[0].named[0].category == "good"
    assert answer[1].mentions[0].text == "Ann"


@pytest.mark.parametrize(
    "reply", ['{"mood": {"category": "good"}}', '{"category": "good"}', '{"mood": "good", "names": []}']
)
def test_several_tools_refuse(tool, reply):
    tools = (tool(SINGLE, "good", "bad", name="mood"), tool(SPAN, "PER", name="names"))
    with pytest.raises(Unusable):
        ReplyParser(tools).parse(reply)
