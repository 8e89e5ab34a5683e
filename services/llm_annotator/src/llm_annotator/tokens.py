"""The tokens of a reply, found by place (pure).

Input is the `logprobs.content` list of the chat completions API: objects with `token`, `bytes` (or null),
`logprob` and `top_logprobs` (objects of the same kind). Places are bytes of the reply in UTF-8, because
tokens may end inside a character.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import exp, isnan
from typing import Any

from llm_annotator.answer import Place
from llm_annotator.errors import LogprobsMissing, LogprobsUnreadable

RawToken = Mapping[str, Any]


class TokenLine:
    """The tokens that spell a reply; alternatives are read only where somebody asks."""

    def __init__(self, reply: str, tokens: Sequence[RawToken]) -> None:
        """Raises LogprobsUnreadable when the tokens do not spell the reply."""
        pieces = [_data(token) for token in tokens]
        self._reply = reply
        spelled, wanted = b"".join(pieces), reply.encode("utf-8", "surrogatepass")
        # Servers strip white space and hide special tokens; what remains is one run of the tokens.
        at = 0 if spelled == wanted else spelled.find(wanted)
        if at < 0 or not wanted:
            raise LogprobsUnreadable
        self.data = spelled
        self._offset = at
        self._ascii = len(wanted) == len(reply)
        self._tokens = tokens
        self._pieces = pieces
        self.starts: list[int] = []
        position = 0
        for piece in pieces:
            self.starts.append(position)
            position += len(piece)

    def __len__(self) -> int:
        return len(self._pieces)

    def byte(self, char: int) -> int:
        """Byte of the token line at which a code point of the reply starts."""
        if self._ascii:
            return self._offset + char
        return self._offset + len(self._reply[:char].encode("utf-8", "surrogatepass"))

    def covering(self, place: Place) -> range:
        """Indices of the tokens with at least one byte in the place."""
        start, end = self.byte(place.start), self.byte(place.end)
        if start == end:
            return range(0)
        return range(self.at(start), self.at(end - 1) + 1)

    def at(self, byte: int) -> int:
        """Index of the token that holds a byte."""
        return bisect_right(self.starts, byte) - 1

    def piece(self, index: int) -> bytes:
        """Bytes of a token."""
        return self._pieces[index]

    def probability(self, index: int) -> float:
        """Probability of a generated token, 0 to 1."""
        return _probability(self._tokens[index])

    def alternatives(self, index: int) -> list[tuple[bytes, float]]:
        """The reported alternatives at a position, without the generated token.

        Raises LogprobsMissing when the endpoint reported none at any position: scores would be constant.
        """
        reported = self._tokens[index].get("top_logprobs")
        if not isinstance(reported, list):
            reported = []
        if not reported and not any(token.get("top_logprobs") for token in self._tokens):
            raise LogprobsMissing
        chosen = (self._tokens[index].get("token"), self._pieces[index])
        found = [((token.get("token"), _data(token)), _probability(token)) for token in reported]
        return [(key[1], p) for key, p in found if key != chosen]


def _data(token: RawToken) -> bytes:
    """The token's own bytes; its text only where the endpoint gives none."""
    raw = token.get("bytes")
    try:
        return bytes(raw) if isinstance(raw, list) else str(token["token"]).encode("utf-8", "surrogatepass")
    except (AttributeError, KeyError, TypeError, ValueError):
        raise LogprobsUnreadable from None


def _probability(token: RawToken) -> float:
    logprob = token.get("logprob")
    if not isinstance(logprob, int | float) or isnan(logprob):
        raise LogprobsUnreadable
    return exp(min(logprob, 0.0))
