"""What can go wrong in pre-annotation.

AnnotatorError
├── ProjectMissing · RunMissing · RequestInvalid · NoTextTool
├── RequestIdReused · RunNotResumable · RunNotCancellable
├── ItemError                  this text has no usable answer; others may
│   ├── MalformedReply · ReplyCut · ReplyRefused · PromptTooLong · RequestRefused · TooManyAnnotations
│   └── TextUnreadable · LogprobsUnreadable
├── EndpointError              no text gets an answer until someone acts
│   ├── KeyRefused · ModelMissing · QuotaExhausted · LogprobsMissing · EndpointUnavailable · EndpointRefuses
└── TransientFault             trying again may help
"""


class AnnotatorError(Exception):
    """Pre-annotation failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ProjectMissing(AnnotatorError):
    """There is no such project."""


class RunMissing(AnnotatorError):
    """There is no such prediction run."""


class RequestInvalid(AnnotatorError):
    """The request is not valid."""


class NoTextTool(AnnotatorError):
    """The ontology has no tool for text: a language model cannot label this project."""


class RequestIdReused(AnnotatorError):
    """The request id was used before with another request."""


class RunNotResumable(AnnotatorError):
    """Only a paused, cancelled or finished run can be resumed."""


class RunNotCancellable(AnnotatorError):
    """The run has already ended."""


class ItemError(AnnotatorError):
    """The model gave no usable answer for this text."""


class MalformedReply(ItemError):
    """The model's reply did not fit the output schema, also after one repair."""


class ReplyCut(ItemError):
    """The model's reply was cut at the output limit, also after one repair."""


class ReplyRefused(ItemError):
    """The model refused to answer for this text."""


class PromptTooLong(ItemError):
    """The prompt with this text is longer than the model's context."""


class RequestRefused(ItemError):
    """The endpoint refused the request for this text."""


class TooManyAnnotations(ItemError):
    """The model's reply makes more annotations than a label may hold."""


class TextUnreadable(ItemError):
    """The text could not be read from the blob store."""


class LogprobsUnreadable(ItemError):
    """The endpoint's token probabilities do not belong to the reply's text."""


class EndpointError(AnnotatorError):
    """The model endpoint cannot be used."""


class KeyRefused(EndpointError):
    """The model endpoint refused the API key: check LABELMESH_LLM_API_KEY and its rights."""


class ModelMissing(EndpointError):
    """The model endpoint does not know the model or the address.

    Check LABELMESH_LLM_MODEL and LABELMESH_LLM_BASE_URL.
    """


class QuotaExhausted(EndpointError):
    """The model endpoint says that the account's quota is used up."""


class LogprobsMissing(EndpointError):
    """The model endpoint returns no usable token probabilities, and without them there is no confidence."""


class EndpointRefuses(EndpointError):
    """The model endpoint refused many requests in a row: check that it accepts chat completions as sent."""


class EndpointUnavailable(EndpointError):
    """The model endpoint did not answer after repeated tries."""


class TransientFault(AnnotatorError):
    """The model endpoint failed for now."""

    def __init__(self, message: str | None = None, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
