"""The encoder on a Triton server, over gRPC; pictures may go through shared memory when it is on this host.

Encoding a picture twice does no harm, so a request whose connection broke is sent once more when Triton is back.
"""

import asyncio
from time import monotonic

import numpy as np
from tritonclient.grpc import InferInput, InferRequestedOutput, InferResult
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from chassis.log import get_logger
from sam_segmenter.encoder import MAX_WAITING, Half, Room
from sam_segmenter.encoder_graph import EMBEDDING, EMBEDDING_SHAPE, PIXELS, SIZE
from sam_segmenter.errors import EncoderError, EncoderSlow, EncoderUnavailable, EncoderUnfit
from sam_segmenter.frame import SIDE_PX, Pixels
from sam_segmenter.triton_memory import EMBEDDING_BYTES, SQUARE_BYTES, Slot
from sam_segmenter.triton_slots import Slots

#: The parameter of Triton's model configuration that says which model it is.
SHA256 = "model_sha256"

_log = get_logger(__name__)
_CHANNEL = [
    # Behind a name with several addresses all of them work.
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A restarted Triton is found within a second instead of after gRPC's growing pauses of up to two minutes. What gRPC
    # calls the least backoff is how long one attempt to connect may take; a busy node needs more than 100 ms.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A host that vanished without a word; more often than this Triton calls it too many pings.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
]
_KINDS: dict[str, type[EncoderError]] = {
    "StatusCode.DEADLINE_EXCEEDED": EncoderSlow,
    "StatusCode.INVALID_ARGUMENT": EncoderUnfit,
    "StatusCode.NOT_FOUND": EncoderUnfit,
    "StatusCode.UNIMPLEMENTED": EncoderUnfit,
}
# Triton has no codes of its own; these are in its sentences, in lower case.
_FULL = "maximum queue size"
_REGION = "shared memory region"
_SQUARE = (1, SIDE_PX, SIDE_PX, 3)
_LOOK_AGAIN_SECONDS = 0.1


class TritonEncoder:
    """As many pictures at once as callers ask for, up to `waiting`; Triton batches them."""

    name = "triton"

    def __init__(
        self,
        url: str,
        model: str,
        model_sha256: str = "",
        *,
        seconds: float = 60.0,
        shared_memory: bool = False,
        comeback_seconds: float = 10.0,
        waiting: int = MAX_WAITING,
    ) -> None:
        """Dials nothing yet; call it where an event loop runs.

        `url` is host:port. An encoding takes at most `seconds`, of which at most `comeback_seconds` are spent waiting
        for a Triton that has gone. With `model_sha256` Triton must not say that it serves another model.
        """
        self._client = InferenceServerClient(url, channel_args=_CHANNEL)
        self._model = model
        self._sha256 = model_sha256
        self._seconds = seconds
        self._comeback_seconds = comeback_seconds
        self._room = Room(waiting)
        self._slots = Slots(self._client, rest_seconds=seconds) if shared_memory else None
        self._known = False
        self._gone = False

    async def encode(self, square: Pixels, height_px: int, width_px: int) -> Half:
        """As Encoder says."""
        until = monotonic() + self._seconds
        with self._room:
            try:
                return await self._attempt(square, height_px, width_px, until)
            except InferenceServerException as error:
                if not await self._is_worth_another(error, until):
                    raise _kind(error) from error
            try:
                return await self._attempt(square, height_px, width_px, until)
            except InferenceServerException as error:
                raise _kind(error) from error

    async def close(self) -> None:
        """Give shared memory back and hang up."""
        if self._slots:
            await self._slots.close()
        await self._client.close()

    async def _attempt(self, square: Pixels, height_px: int, width_px: int, until: float) -> Half:
        await self._check_model(until)
        size = _input(SIZE, "INT64", (1, 2)).set_data_from_numpy(
            np.asarray([[height_px, width_px]], np.int64)
        )
        slots = self._slots
        slot = await slots.take(_left(until)) if slots else None
        if slots is None or slot is None:
            pixels = _input(PIXELS, "UINT8", _SQUARE).set_data_from_numpy(square.reshape(_SQUARE))
            reply = await self._infer([pixels, size], InferRequestedOutput(EMBEDDING), until)
            embedding: Half = reply.as_numpy(EMBEDDING).reshape(EMBEDDING_SHAPE)
        else:
            embedding = await self._through(slots, slot, square, size, until)
        self._gone = False
        return embedding

    async def _through(
        self, slots: Slots, slot: Slot, square: Pixels, size: InferInput, until: float
    ) -> Half:
        done = False
        try:
            slot.write(square)
            pixels = _input(PIXELS, "UINT8", _SQUARE).set_shared_memory(slot.name, SQUARE_BYTES)
            output = InferRequestedOutput(EMBEDDING)
            output.set_shared_memory(slot.name, EMBEDDING_BYTES, SQUARE_BYTES)
            await self._infer([pixels, size], output, until)
            embedding = slot.read()
            done = True
            return embedding
        finally:
            # What ended in an error may still be under way at Triton: then its memory rests.
            slots.give_back(slot, done)

    async def _infer(
        self, inputs: list[InferInput], output: InferRequestedOutput, until: float
    ) -> InferResult:
        reply = await self._client.infer(self._model, inputs, outputs=[output], client_timeout=_left(until))
        embedding = reply.get_output(EMBEDDING)
        shape = (1, *EMBEDDING_SHAPE)
        if embedding is None or embedding.datatype != "FP16" or tuple(embedding.shape) != shape:
            raise EncoderUnfit
        return reply

    async def _check_model(self, until: float) -> None:
        """Ask Triton which model it serves, once a connection. Raises EncoderUnfit."""
        if self._known or not self._sha256:
            return
        reply = await self._client.get_model_config(self._model, client_timeout=_left(until))
        parameters = reply.config.parameters
        if SHA256 in parameters and parameters[SHA256].string_value != self._sha256:
            _log.error(
                "Triton serves another model", model=self._model, model_sha256=parameters[SHA256].string_value
            )
            raise EncoderUnfit
        self._known = True

    async def _is_worth_another(self, error: InferenceServerException, until: float) -> bool:
        """Whether the request can be sent again, once Triton is back or knows our memory."""
        lost_memory = self._slots is not None and _REGION in error.message().lower()
        if not lost_memory and (
            error.status() != "StatusCode.UNAVAILABLE" or _FULL in error.message().lower()
        ):
            return False
        self._known = False
        if self._slots:
            self._slots.forget()
        return lost_memory or await self._is_back(until)

    async def _is_back(self, until: float) -> bool:
        # After one has waited in vain, others are told at once, until a request gets through.
        if self._gone:
            return False
        until = min(until, monotonic() + self._comeback_seconds)
        while monotonic() < until:
            try:
                if await self._client.is_model_ready(self._model, client_timeout=_left(until)):
                    return True
            except InferenceServerException:
                pass
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        self._gone = True
        return False


def _kind(error: InferenceServerException) -> EncoderError:
    kind = _KINDS.get(error.status() or "", EncoderUnavailable)
    _log.warning("Triton refused", status=error.status(), said=error.message())
    return kind()


def _left(until: float) -> float:
    """Seconds until then; gRPC wants more than none."""
    return max(0.001, until - monotonic())


def _input(name: str, kind: str, shape: tuple[int, ...]) -> InferInput:
    return InferInput(name, list(shape), kind)
