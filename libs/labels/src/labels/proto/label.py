"""Labels on the wire."""

import re
from dataclasses import asdict
from math import isfinite

from labelmesh.label.v1 import label_pb2
from labels.errors import AnnotationInvalid, LabelInvalid
from labels.label import (
    MAX_ANNOTATIONS,
    Confidence,
    ConfidenceMethod,
    Label,
    LabelKind,
    Lineage,
    SamplingParameters,
    UnplacedMention,
)
from labels.names import ASSET, LABEL, asset_name, label_name, parse
from labels.proto.annotation import MAX_NAME, annotation_from_pb, put_annotation

MAX_MENTIONS = 1_000
MAX_MENTION = 1_000
MAX_EXAMPLES = 10_000
_MAX_TEXT = 256
_LINE = re.compile(rf"[^\x00-\x1f\x7f]{{0,{_MAX_TEXT}}}")

_KIND_TO_PB = {kind: label_pb2.LabelKind.Value(f"LABEL_KIND_{kind}") for kind in LabelKind}
_KIND_FROM_PB = {int(number): kind for kind, number in _KIND_TO_PB.items()}
_METHOD_TO_PB = {m: label_pb2.ConfidenceMethod.Value(f"CONFIDENCE_METHOD_{m}") for m in ConfidenceMethod}
_METHOD_FROM_PB = {int(number): method for method, number in _METHOD_TO_PB.items()}


def confidence_method_from_pb(number: int) -> ConfidenceMethod | None:
    """The method of that number; None for the unspecified one. Raises LabelInvalid for an unknown one."""
    method = _METHOD_FROM_PB.get(number)
    if method is None and number:
        raise LabelInvalid("The confidence method is unknown.")
    return method


def confidence_method_to_pb(method: ConfidenceMethod | None) -> label_pb2.ConfidenceMethod.ValueType:
    """The method on the wire; None is the unspecified one."""
    return label_pb2.CONFIDENCE_METHOD_UNSPECIFIED if method is None else _METHOD_TO_PB[method]


def confidence_from_pb(pb: label_pb2.Confidence) -> Confidence:
    """Raises LabelInvalid."""
    method, raw, lower, upper = _METHOD_FROM_PB.get(pb.method), pb.raw, pb.lower, pb.upper
    if method is None:
        raise LabelInvalid("The label's confidence has no method.")
    if not (0.0 <= raw <= 1.0 and 0.0 <= lower <= 1.0 and 0.0 <= upper <= 1.0):
        raise LabelInvalid("The label's confidence or a bound of it is not in 0 to 1.")
    return Confidence(method, raw, lower, upper)


def confidence_to_pb(confidence: Confidence) -> label_pb2.Confidence:
    """The confidence on the wire."""
    return label_pb2.Confidence(
        method=_METHOD_TO_PB[confidence.method],
        raw=confidence.raw,
        lower=confidence.lower,
        upper=confidence.upper,
    )


def lineage_from_pb(pb: label_pb2.Lineage) -> Lineage:
    """Raises LabelInvalid."""
    if len(pb.examples) > MAX_EXAMPLES or max(len(pb.rendered_prompt_sha256), len(pb.response_sha256)) > 64:
        raise LabelInvalid("The label's lineage has too many examples or a hash that is none.")
    names = (pb.model, pb.prediction_run, pb.source_label, pb.provider_fingerprint, pb.calibrator)
    if not all(map(_LINE.fullmatch, (*names, *pb.examples))):
        raise LabelInvalid(
            f"A name in the label's lineage is not one line of at most {_MAX_TEXT} characters."
        )
    return Lineage(
        pb.model,
        pb.prediction_run,
        pb.prompt_revision,
        pb.rendered_prompt_sha256,
        tuple(pb.examples),
        pb.ontology_revision,
        pb.source_label,
        pb.response_sha256,
        pb.provider_fingerprint,
        _sampling_from_pb(pb.sampling) if pb.HasField("sampling") else None,
        pb.calibrator,
        pb.calibrator_revision,
    )


def _sampling_from_pb(pb: label_pb2.SamplingParameters) -> SamplingParameters:
    if not isfinite(pb.temperature):
        raise LabelInvalid("The temperature in the label's lineage is not a number.")
    return SamplingParameters(pb.temperature, pb.seed, pb.max_tokens, pb.top_logprobs)


def lineage_to_pb(lineage: Lineage) -> label_pb2.Lineage:
    """The lineage on the wire."""
    return label_pb2.Lineage(
        model=lineage.model,
        prediction_run=lineage.run,
        prompt_revision=lineage.prompt_revision,
        rendered_prompt_sha256=lineage.rendered_prompt_sha256,
        examples=lineage.examples,
        ontology_revision=lineage.ontology_revision,
        source_label=lineage.source_label,
        response_sha256=lineage.response_sha256,
        provider_fingerprint=lineage.provider_fingerprint,
        sampling=label_pb2.SamplingParameters(**asdict(lineage.sampling)) if lineage.sampling else None,
        calibrator=lineage.calibrator,
        calibrator_revision=lineage.calibrator_revision,
    )


def label_from_pb(pb: label_pb2.Label) -> Label:
    """Raises LabelInvalid, or NameInvalid when the label or its asset has a name and it is malformed."""
    kind = _KIND_FROM_PB.get(pb.kind)
    if kind is None:
        raise LabelInvalid("The label has no kind.")
    if len(pb.annotations) > MAX_ANNOTATIONS or len(pb.unplaced_mentions) > MAX_MENTIONS:
        raise LabelInvalid(
            f"A label may have {MAX_ANNOTATIONS:,} annotations and {MAX_MENTIONS:,} unplaced mentions."
        )
    if not (_LINE.fullmatch(pb.author) and _LINE.fullmatch(pb.etag)):
        raise LabelInvalid(f"The label's author or etag is not one line of at most {_MAX_TEXT} characters.")
    annotations = tuple(map(annotation_from_pb, pb.annotations))
    if len(annotations) > 1 and len({annotation.id for annotation in annotations}) < len(annotations):
        raise AnnotationInvalid("Two annotations of the label have the same id.")
    return Label(
        kind=kind,
        author=pb.author,
        annotations=annotations,
        uid=parse(pb.name, LABEL)[1] if pb.name else "",
        asset_uid=parse(pb.asset, ASSET)[1] if pb.asset else "",
        revision=pb.revision,
        etag=pb.etag,
        confidence=confidence_from_pb(pb.confidence) if pb.HasField("confidence") else None,
        lineage=lineage_from_pb(pb.lineage) if pb.HasField("lineage") else None,
        unplaced_mentions=tuple(map(_mention_from_pb, pb.unplaced_mentions)) if pb.unplaced_mentions else (),
        create_time_us=pb.create_time_us,
    )


def _mention_from_pb(pb: label_pb2.UnplacedMention) -> UnplacedMention:
    names_fit = max(len(pb.tool), len(pb.category)) <= MAX_NAME and _LINE.fullmatch(pb.tool + pb.category)
    if not names_fit or len(pb.text) > MAX_MENTION or "\0" in pb.text:
        raise LabelInvalid(f"An unplaced mention has over {MAX_MENTION:,} characters, or malformed names.")
    return UnplacedMention(pb.tool, pb.category, pb.text)


def label_to_pb(label: Label, project_id: str) -> label_pb2.Label:
    """The label on the wire; without a uid it has no name, without an asset uid no asset."""
    pb = label_pb2.Label(
        name=label_name(project_id, label.uid) if label.uid else "",
        asset=asset_name(project_id, label.asset_uid) if label.asset_uid else "",
        kind=_KIND_TO_PB[label.kind],
        revision=label.revision,
        etag=label.etag,
        author=label.author,
        confidence=confidence_to_pb(label.confidence) if label.confidence else None,
        lineage=lineage_to_pb(label.lineage) if label.lineage else None,
        create_time_us=label.create_time_us,
    )
    add = pb.annotations.add
    for annotation in label.annotations:
        put_annotation(annotation, add())
    for mention in label.unplaced_mentions:
        pb.unplaced_mentions.add(tool=mention.tool, category=mention.category, text=mention.text)
    return pb
