"""Pictures have the size that coordinates were made for."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from qa_engine.rule import Context, Need, rule


@rule("picture_size", severity=Severity.ERROR, enabled=False, needs=frozenset({Need.PIXELS}))
def picture_size(label: Label, context: Context) -> Iterator[Finding]:
    """The picture, turned as it is displayed, has the width and height that its asset states."""
    asset = context.subject.asset
    if asset.image_ref is None:
        return
    picture = context.subject.picture
    if picture is None:
        yield context.finding("The picture could not be read to check its size.")
    elif (picture.width_px, picture.height_px) != (asset.width_px, asset.height_px):
        yield context.finding(
            f"The picture is {picture.width_px} x {picture.height_px} pixels, "
            f"its asset says {asset.width_px} x {asset.height_px}."
        )
