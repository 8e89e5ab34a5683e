"""What can be wrong with content, ontologies and labels.

LabelError
├── NameInvalid
├── AssetError
│   ├── KeyInvalid
│   ├── TextEmpty
│   ├── TextTooLong
│   ├── NulRefused
│   ├── ContentMissing
│   ├── ContextTooLarge
│   ├── ContentRefInvalid
│   └── PictureSizeInvalid
├── OntologyError
│   └── UnknownCategory · UnknownTool
├── LabelInvalid
│   └── AnnotationInvalid
├── FindingInvalid
└── CorrectionInvalid
"""


class LabelError(Exception):
    """The label data is not valid."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class NameInvalid(LabelError):
    """The resource name is not valid."""


class AssetError(LabelError):
    """The asset is not valid."""


class KeyInvalid(AssetError):
    """An asset's key must be 1 to 256 bytes of text without control characters."""


class TextEmpty(AssetError):
    """The text is empty."""


class TextTooLong(AssetError):
    """The text is longer than 1 MiB."""


class NulRefused(AssetError):
    """The text and the context of an asset may not contain the character NUL."""


class ContentMissing(AssetError):
    """An asset needs exactly one of text, text_ref and image_ref."""


class ContextTooLarge(AssetError):
    """An asset's context may hold at most 32 entries and 8 KiB."""


class ContentRefInvalid(AssetError):
    """A content reference needs a blob address, a SHA-256 in lower-case hexadecimal and a size above 0."""


class PictureSizeInvalid(AssetError):
    """A picture's width and height must be 1 to 100,000 pixels."""


class OntologyError(LabelError):
    """The ontology is not valid."""


class UnknownTool(OntologyError):
    """The ontology has no such tool."""


class UnknownCategory(OntologyError):
    """The tool has no such category."""


class LabelInvalid(LabelError):
    """The label is not valid."""


class AnnotationInvalid(LabelInvalid):
    """The annotation is not valid."""


class FindingInvalid(LabelError):
    """The finding is not valid."""


class CorrectionInvalid(LabelError):
    """The correction does not fit the label it is applied to."""
