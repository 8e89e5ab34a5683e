"""Converters: there and back is the same value; what the contract forbids is refused with a typed error."""

import math
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from labelmesh.label.v1 import asset_pb2, label_pb2, ontology_pb2
from labelmesh.review.v1 import queue_service_pb2
from labels import proto
from labels.asset import Asset, ContentRef
from labels.correction import Add, Delete, Relabel, Resize
from labels.errors import (
    AnnotationInvalid,
    ContentMissing,
    ContentRefInvalid,
    ContextTooLarge,
    CorrectionInvalid,
    FindingInvalid,
    KeyInvalid,
    LabelError,
    LabelInvalid,
    NameInvalid,
    OntologyError,
    PictureSizeInvalid,
    TextTooLong,
)
from labels.label import (
    Annotation,
    Box,
    Choice,
    Confidence,
    ConfidenceMethod,
    Finding,
    Label,
    LabelKind,
    Lineage,
    Mask,
    Polygon,
    SamplingParameters,
    Severity,
    Span,
    UnplacedMention,
)
from labels.ontology import Category, Ontology, Tool, ToolKind

UID = "01J8ZC0000000000000000000A"
ulids = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)
names = st.text(st.characters(codec="utf-8", categories=["L", "N", "S"]), min_size=1, max_size=20)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50)
shares = st.floats(0, 1)
pixels = st.floats(-1e6, 1e6)
lengths = st.floats(1e-3, 1e5)
values = st.one_of(
    st.just(Choice()),
    st.builds(lambda start, text: Span(start, start + len(text), text), st.integers(0, 1 << 20), names),
    st.builds(Box, pixels, pixels, lengths, lengths),
    st.lists(st.lists(st.tuples(pixels, pixels), max_size=5), min_size=1, max_size=3).map(
        lambda rings: Polygon(tuple(tuple(c for point in ring for c in point) for ring in rings))
    ),
    st.builds(Mask, st.integers(1, 100_000), st.integers(1, 100_000), st.binary(min_size=1, max_size=20)),
)
annotations = st.builds(Annotation, names, names, names, values, shares)
assets = st.builds(
    Asset,
    key=names,
    text=texts,
    context=st.dictionaries(names, texts, max_size=4),
    uid=ulids,
    content_sha256=st.just("ab" * 32),
    create_time_us=st.integers(0, 1 << 60),
)
counts = st.integers(0, 1 << 20)
labels = st.builds(
    Label,
    kind=st.sampled_from(LabelKind),
    author=names,
    annotations=st.lists(annotations, max_size=4, unique_by=lambda a: a.id).map(tuple),
    uid=ulids,
    asset_uid=ulids,
    revision=st.integers(0, 1 << 40),
    etag=names,
    confidence=st.none() | st.builds(Confidence, st.sampled_from(ConfidenceMethod), shares, shares, shares),
    lineage=st.none()
    | st.builds(
        Lineage,
        names,
        names,
        st.integers(0, 99),
        st.just("cd" * 32),
        st.lists(names, max_size=3).map(tuple),
        st.integers(0, 99),
        names,
        st.sampled_from(["", "ef" * 32]),
        names,
        st.none() | st.builds(SamplingParameters, st.floats(0, 2), st.integers(0, 1 << 40), counts, counts),
        names,
        st.integers(0, 99),
    ),
    unplaced_mentions=st.lists(st.builds(UnplacedMention, names, names, texts), max_size=3).map(tuple),
    create_time_us=st.integers(0, 1 << 60),
)
ops = st.one_of(
    st.builds(Add, annotations),
    st.builds(Delete, names),
    st.builds(Relabel, names, names),
    st.builds(Resize, names, values),
)


def reread(message: Message) -> Any:
    """The message after a trip over the wire."""
    return type(message).FromString(message.SerializeToString())


@given(assets)
@settings(deadline=None)
def test_assets_come_back(asset: Asset) -> None:
    assert proto.asset_from_pb(reread(proto.asset_to_pb(asset, "p-1"))) == asset


@given(labels)
@settings(deadline=None)
def test_labels_come_back(label: Label) -> None:
    assert proto.label_from_pb(reread(proto.label_to_pb(label, "p-1"))) == label


@given(ops)
@settings(deadline=None)
def test_corrections_come_back(op: Add | Delete | Relabel | Resize) -> None:
    assert proto.correction_op_from_pb(reread(proto.correction_op_to_pb(op))) == op


def test_references_come_back() -> None:
    ref = ContentRef("blob:sha256/" + "ab" * 32, "ab" * 32, 7)
    for asset in (Asset("k", text_ref=ref), Asset("k", image_ref=ref, width_px=640, height_px=480)):
        assert proto.asset_from_pb(reread(proto.asset_to_pb(asset, "p-1"))) == asset


def test_ontologies_and_findings_come_back() -> None:
    tools = tuple(Tool(kind.lower(), kind, (Category("a", "first"), Category("b"))) for kind in ToolKind)
    ontology = Ontology(tools, revision=3)
    assert proto.ontology_from_pb(reread(proto.ontology_to_pb(ontology))) == ontology
    for severity in Severity:
        finding = Finding("some_rule", severity, "Something is wrong.", "a0")
        assert proto.finding_from_pb(reread(proto.finding_to_pb(finding))) == finding


def test_names_carry_the_project() -> None:
    pb = proto.label_to_pb(Label(LabelKind.DEFAULT, "ann", (), uid=UID, asset_uid=UID), "p-1")
    assert (pb.name, pb.asset) == (f"projects/p-1/labels/{UID}", f"projects/p-1/assets/{UID}")
    unnamed = proto.label_to_pb(Label(LabelKind.DEFAULT, "ann", ()), "p-1")
    assert (unnamed.name, unnamed.asset) == ("", "")


def annotation(**fields: Any) -> label_pb2.Annotation:
    """A sound annotation with some fields changed."""
    base: dict[str, Any] = {"id": "a0", "tool": "t", "category": "c"}
    if not fields.keys() & {"choice", "span", "box", "polygon", "mask"}:
        base["choice"] = label_pb2.Choice()
    return label_pb2.Annotation(**{**base, **fields})


def ring(*xy_px: float) -> label_pb2.Polygon:
    return label_pb2.Polygon(rings=[label_pb2.Ring(xy_px=xy_px)])


BAD_ANNOTATIONS = {
    "no value": label_pb2.Annotation(id="a0", tool="t", category="c"),
    "no id": annotation(id=""),
    "long id": annotation(id="x" * 65),
    "id of two lines": annotation(id="a\nb"),
    "id with a zero byte": annotation(id="a\0"),
    "no tool": annotation(tool=""),
    "no category": annotation(category=""),
    "category with a zero byte": annotation(category="a\0"),
    "long category": annotation(category="c" * 129),
    "confidence above 1": annotation(confidence=1.01),
    "confidence not a number": annotation(confidence=math.nan),
    "span backwards": annotation(span=label_pb2.Span(start=5, end=4)),
    "span empty": annotation(span=label_pb2.Span(start=4, end=4)),
    "span before the text": annotation(span=label_pb2.Span(start=-1, end=4)),
    "box without width": annotation(box=label_pb2.Box(width_px=0, height_px=1)),
    "box not a number": annotation(box=label_pb2.Box(x_px=math.nan, width_px=1, height_px=1)),
    "box infinite": annotation(box=label_pb2.Box(width_px=math.inf, height_px=1)),
    "box far out": annotation(box=label_pb2.Box(x_px=1e7, width_px=1, height_px=1)),
    "no rings": annotation(polygon=label_pb2.Polygon()),
    "too many rings": annotation(polygon=label_pb2.Polygon(rings=[label_pb2.Ring()] * 1001)),
    "odd ring": annotation(polygon=ring(0, 0, 1)),
    "ring too long": annotation(polygon=ring(*[0.0] * 200_002)),
    "ring not a number": annotation(polygon=ring(0, math.nan)),
    "mask without size": annotation(mask=label_pb2.Mask(counts=b"1")),
    "mask without counts": annotation(mask=label_pb2.Mask(height_px=1, width_px=1)),
    "mask too long": annotation(mask=label_pb2.Mask(height_px=1, width_px=1, counts=b"1" * ((4 << 20) + 1))),
}


@pytest.mark.parametrize("pb", BAD_ANNOTATIONS.values(), ids=BAD_ANNOTATIONS.keys())
def test_bad_annotations_are_refused(pb: label_pb2.Annotation) -> None:
    with pytest.raises(AnnotationInvalid):
        proto.annotation_from_pb(pb)


def label(**fields: Any) -> label_pb2.Label:
    """A sound label with some fields changed."""
    return label_pb2.Label(**{"kind": label_pb2.LABEL_KIND_DEFAULT, **fields})


def asset(**fields: Any) -> asset_pb2.Asset:
    """A sound asset with some fields changed."""
    return asset_pb2.Asset(**{"key": "k", "text": "words", **fields})


SHA256 = "ab" * 32
HOT = label_pb2.SamplingParameters(temperature=math.nan)
LABEL_MASS = label_pb2.CONFIDENCE_METHOD_LABEL_MASS
BAD = {
    "label without a kind": (LabelInvalid, proto.label_from_pb, label_pb2.Label()),
    "label of an unknown kind": (LabelInvalid, proto.label_from_pb, label_pb2.Label(kind=99)),  # type: ignore[arg-type]
    "label with a bad name": (NameInvalid, proto.label_from_pb, label(name="labels/1")),
    "label with a bad asset": (NameInvalid, proto.label_from_pb, label(asset="projects/p-1/labels/1")),
    "too many annotations": (LabelInvalid, proto.label_from_pb, label(annotations=[annotation()] * 10_001)),
    "the same id twice": (AnnotationInvalid, proto.label_from_pb, label(annotations=[annotation()] * 2)),
    "an author with a zero byte": (LabelInvalid, proto.label_from_pb, label(author="a\0")),
    "a model of two lines": (LabelInvalid, proto.lineage_from_pb, label_pb2.Lineage(model="a\nb")),
    "a torn fingerprint": (LabelInvalid, proto.lineage_from_pb, label_pb2.Lineage(provider_fingerprint="\n")),
    "a long hash": (LabelInvalid, proto.lineage_from_pb, label_pb2.Lineage(response_sha256="a" * 65)),
    "no temperature": (LabelInvalid, proto.lineage_from_pb, label_pb2.Lineage(sampling=HOT)),
    "a mention with a zero byte": (
        LabelInvalid,
        proto.label_from_pb,
        label(unplaced_mentions=[label_pb2.UnplacedMention(category="a\0")]),
    ),
    "a long author": (LabelInvalid, proto.label_from_pb, label(author="x" * 257)),
    "a long mention": (
        LabelInvalid,
        proto.label_from_pb,
        label(unplaced_mentions=[label_pb2.UnplacedMention(text="x" * 1001)]),
    ),
    "confidence without a method": (LabelInvalid, proto.confidence_from_pb, label_pb2.Confidence(raw=0.5)),
    "confidence out of range": (
        LabelInvalid,
        proto.confidence_from_pb,
        label_pb2.Confidence(method=LABEL_MASS, upper=-0.1),
    ),
    "confidence not a number": (
        LabelInvalid,
        proto.confidence_from_pb,
        label_pb2.Confidence(method=LABEL_MASS, raw=math.nan),
    ),
    "lineage with many examples": (
        LabelInvalid,
        proto.lineage_from_pb,
        label_pb2.Lineage(examples=["x"] * 10_001),
    ),
    "finding without a severity": (FindingInvalid, proto.finding_from_pb, label_pb2.Finding(rule="r")),
    "finding without a rule": (FindingInvalid, proto.finding_from_pb, label_pb2.Finding(severity=1)),
    "asset without content": (ContentMissing, proto.asset_from_pb, asset_pb2.Asset(key="k")),
    "asset with a long key": (KeyInvalid, proto.asset_from_pb, asset(key="é" * 129)),
    "asset with a long text": (TextTooLong, proto.asset_from_pb, asset(text="é" * (1 << 19) + "x")),
    "asset with a bad name": (NameInvalid, proto.asset_from_pb, asset(name="projects/p-1")),
    "asset with much context": (ContextTooLarge, proto.asset_from_pb, asset(context={"a": "x" * 8192})),
    "picture too wide": (PictureSizeInvalid, proto.asset_from_pb, asset(width_px=100_001)),
    "reference without a hash": (
        ContentRefInvalid,
        proto.content_ref_from_pb,
        asset_pb2.ContentRef(uri="blob:sha256/x", sha256="x", size_bytes=1),
    ),
    "reference without a size": (
        ContentRefInvalid,
        proto.content_ref_from_pb,
        asset_pb2.ContentRef(uri="blob:sha256/x", sha256=SHA256),
    ),
    "tool without a kind": (
        OntologyError,
        proto.ontology_from_pb,
        ontology_pb2.Ontology(tools=[ontology_pb2.Tool(name="t")]),
    ),
    "too many tools": (
        OntologyError,
        proto.ontology_from_pb,
        ontology_pb2.Ontology(tools=[ontology_pb2.Tool(kind=1)] * 33),
    ),
    "correction of no kind": (
        CorrectionInvalid,
        proto.correction_op_from_pb,
        queue_service_pb2.CorrectionOp(),
    ),
    "relabel to nothing": (
        CorrectionInvalid,
        proto.correction_op_from_pb,
        queue_service_pb2.CorrectionOp(relabel=queue_service_pb2.RelabelAnnotation(annotation_id="a0")),
    ),
    "delete of nothing": (
        AnnotationInvalid,
        proto.correction_op_from_pb,
        queue_service_pb2.CorrectionOp(delete=queue_service_pb2.DeleteAnnotation()),
    ),
}


@pytest.mark.parametrize(("error", "read", "pb"), BAD.values(), ids=BAD.keys())
def test_bad_messages_are_refused(error: type[LabelError], read: Any, pb: Message) -> None:
    with pytest.raises(error) as raised:
        read(pb)
    assert str(raised.value).endswith(".")


@given(st.binary(max_size=200), st.sampled_from([label_pb2.Label, asset_pb2.Asset]))
@settings(max_examples=1_000, deadline=None)
def test_any_bytes_that_parse_are_read_or_refused(data: bytes, message: type[Message]) -> None:
    read: Any = proto.label_from_pb if message is label_pb2.Label else proto.asset_from_pb
    with suppress(LabelError, DecodeError):
        read(message.FromString(data))
