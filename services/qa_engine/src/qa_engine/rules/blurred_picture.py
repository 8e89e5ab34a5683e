"""Pictures are sharp enough to be labelled."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from qa_engine.colours import sharpness
from qa_engine.rule import Context, Need, Parameter, rule

LEAST = Parameter(
    "min_sharpness",
    20.0,
    0.0,
    1e6,
    "Smallest variance of the Laplacian of the picture's luma (0 to 255); 0 to 1e6.",
)


@rule(
    "blurred_picture",
    severity=Severity.INFO,
    parameters=(LEAST,),
    enabled=False,
    needs=frozenset({Need.PIXELS}),
)
def blurred_picture(label: Label, context: Context) -> Iterator[Finding]:
    """The picture has edges: the variance of its Laplacian is at least min_sharpness."""
    if context.subject.asset.image_ref is None:
        return
    picture = context.subject.picture
    if picture is None:
        yield context.finding("The picture could not be read to say whether it is sharp.")
        return
    found = sharpness(picture.pixels)
    if found < context.number(LEAST):
        yield context.finding(f"The picture's sharpness is {found:.6g}, less than {context.number(LEAST):g}.")
