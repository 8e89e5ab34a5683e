"""The verb of this service: a picture and prompts to masks.

Everything a call needs is an argument or behind one of two bounded caches, embeddings and logits, both keyed by tenant.
Decoding is a function of an embedding and a prompt, so calls that overlap cannot mix their pictures.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from labels.asset import ContentRef
from sam_segmenter import automatic, frame, prompts, sharpness, zoom
from sam_segmenter.answers import Candidate, Place, Wish, candidate, from_found
from sam_segmenter.automatic import Grid
from sam_segmenter.decoder import Decoded, Decoder, Features, ModelPrompt
from sam_segmenter.embeddings import Embeddings, Encoded, Key, Tier
from sam_segmenter.encoder import Encoder
from sam_segmenter.errors import HandleInvalid, LogitsForeign, TooManyObjects
from sam_segmenter.frame import Pixels, Region
from sam_segmenter.handles import LogitsStore
from sam_segmenter.pictures import Picture, Pictures
from sam_segmenter.prompts import Prompt

MAX_OBJECTS = 64
PREPROCESSING = "area-resize-1"
"""Changes when the same picture would be encoded otherwise."""
_SIZES = 100_000
_HANDLE = re.compile(r"image-([0-9a-f]{64})-([1-9][0-9]{0,11})")


@dataclass(frozen=True, slots=True)
class View:
    """A picture as a call knows it, and the part of it that is looked at."""

    tenant: str
    ref: ContentRef
    height_px: int
    width_px: int
    region: Region


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt, and the handle of an earlier answer's logits, which may be empty."""

    prompt: Prompt
    logits_handle: str = ""


@dataclass(frozen=True, slots=True)
class ObjectAnswer:
    """Masks of one object, best first, each with the handle of its logits."""

    candidates: tuple[tuple[Candidate, str], ...]
    logits_lost: bool


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of a call."""

    embedding_ms: float
    decode_ms: float
    post_ms: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call found on a picture."""

    objects: tuple[ObjectAnswer, ...]
    view: View
    tier: Tier
    timings: Timings


@dataclass(frozen=True, slots=True)
class Progress:
    """Masks found without a prompt, best first, and how many clicks of how many have been tried."""

    candidates: tuple[Candidate, ...]
    points_done: int
    points_total: int


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A prompt with its logits, the region these are for, and whether they were lost."""

    prompt: Prompt
    region: Region | None = None
    lost: bool = False


class Segmenter:
    """Segments; its parts are given, it owns only the threads that decode."""

    def __init__(
        self,
        pictures: Pictures,
        encoder: Encoder,
        decoder: Decoder,
        embeddings: Embeddings,
        logits: LogitsStore,
        *,
        model_sha256: str,
        decoders: int = 1,
    ) -> None:
        """`decoders` calls decode at once; `encoding` counts the pictures that are being encoded."""
        self._pictures = pictures
        self._encoder = encoder
        self._decoder = decoder
        self._embeddings = embeddings
        self._logits = logits
        self._model_sha256 = model_sha256
        self._threads = ThreadPoolExecutor(max_workers=decoders, thread_name_prefix="decoder")
        # One more than decode, so that the next one is ready when a thread is free.
        self._seats = asyncio.Semaphore(decoders + 1)
        self.encoding = 0
        self._sizes: OrderedDict[tuple[str, str], tuple[int, int]] = OrderedDict()

    async def close(self) -> None:
        """End the threads when what is under way is done."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def view(self, tenant: str, ref: ContentRef) -> View:
        """The whole of a tenant's picture. Raises ImageNotFound, PictureUnreadable or PictureTooLarge."""
        size = self._sizes.get((tenant, ref.sha256))
        if size is None:
            picture = await self._picture(tenant, ref)
            size = picture.height_px, picture.width_px
        return View(tenant, ref, *size, frame.whole(*size))

    async def _picture(self, tenant: str, ref: ContentRef) -> Picture:
        picture = await self._pictures.get(tenant, ref)
        self._sizes[tenant, ref.sha256] = picture.height_px, picture.width_px
        if len(self._sizes) > _SIZES:
            self._sizes.popitem(last=False)
        return picture

    async def features(self, view: View) -> tuple[Features, Tier]:
        """What decoding needs of a view, encoded when it is nowhere. Raises EncoderError and what reading raises."""
        return await self._embeddings.get(self._key(view), lambda: self._encode(view))

    @asynccontextmanager
    async def _seat(self, view: View) -> AsyncIterator[tuple[Features, Tier]]:
        """A turn at the decoder, with the features. Those who wait hold none, so a crowd takes no memory for it."""
        tier = Tier.MEMORY if self._embeddings.peek(self._key(view)) else (await self.features(view))[1]
        async with self._seats:
            # Gone meanwhile in the rare case; then this call makes them again.
            yield (await self.features(view))[0], tier

    def _key(self, view: View) -> Key:
        return Key(view.tenant, view.ref.sha256, self._model_sha256, view.region, PREPROCESSING)

    async def warm(self, tenant: str, ref: ContentRef) -> None:
        """Encode a picture ahead of its first click. Raises EncoderError and what reading the picture raises."""
        await self.features(await self.view(tenant, ref))

    async def _encode(self, view: View) -> Encoded:
        self.encoding += 1
        try:
            picture = await self._picture(view.tenant, view.ref)
            square = await asyncio.to_thread(frame.to_square, picture.pixels, view.region)
            return await self._encode_square(square, view.region)
        finally:
            self.encoding -= 1

    async def _encode_square(self, square: Pixels, region: Region) -> Encoded:
        embedding = await self._encoder.encode(square, *region.input_size)
        # A copy: what is kept for long must not hold the encoder's own memory.
        return Encoded(embedding.copy(), await asyncio.to_thread(sharpness.measure, square))

    async def features_of(
        self, square: Pixels, tenant: str, name: str, region: Region, *, keep: bool
    ) -> Features:
        """Features of what is in the model's square already; `name` (64 hexadecimal digits) tells it from all else.

        Without `keep` they are looked for where they may be held, and not held afterwards: a film passes by once and
        must not push out the pictures that people click on. Raises EncoderError.
        """
        key = Key(tenant, name, self._model_sha256, region, PREPROCESSING)

        async def encode() -> Encoded:
            self.encoding += 1
            try:
                return await self._encode_square(square, region)
            finally:
                self.encoding -= 1

        return (await self._embeddings.get(key, encode, keep=keep))[0]

    async def decode(self, features: Features, prompt: ModelPrompt) -> Decoded:
        """Decode in a worker thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._decoder.decode, features, prompt)

    async def segment(self, view: View, asks: Sequence[Ask], wish: Wish, *, closer: bool = False) -> Answer:
        """Masks for each object, in order; with `closer` a small object in a large picture is looked at in a crop.

        Raises RequestInvalid, LogitsNotFound, EncoderError and what reading the picture raises.
        """
        if not 0 < len(asks) <= MAX_OBJECTS:
            raise TooManyObjects
        resolved = [self._resolved(view, ask) for ask in asks]
        for one in resolved:
            prompts.check(one.prompt, view.height_px, view.width_px)
        answers, spent, tiers = [], [0.0, 0.0, 0.0], []
        for one in resolved:
            began = perf_counter()
            prompt, region = one.prompt, one.region
            if closer and region is None:
                prompt, region = await self._closer(view, prompt)
            near = replace(view, region=region) if region else view
            async with self._seat(near) as (features, tier):
                tiers.append(tier)
                spent[0] += (perf_counter() - began) * 1e3
                loop = asyncio.get_running_loop()
                work = await loop.run_in_executor(self._threads, self._answer, features, near, prompt, wish)
            spent[1], spent[2] = spent[1] + work.decode_ms, spent[2] + work.post_ms
            answers.append(ObjectAnswer(tuple(self._kept(near, c) for c in work.candidates), one.lost))
        return Answer(tuple(answers), view, max(tiers, key=[*Tier].index), Timings(*spent))

    def _resolved(self, view: View, ask: Ask) -> _Resolved:
        """The prompt with the logits that its handle names."""
        if not ask.logits_handle:
            return _Resolved(ask.prompt)
        found = self._logits.get(view.tenant, ask.logits_handle)
        if found is None:
            return _Resolved(ask.prompt, lost=True)
        if found.image_sha256 != view.ref.sha256:
            raise LogitsForeign
        return _Resolved(replace(ask.prompt, logits=found.values.astype(np.float32)), found.region)

    async def _closer(self, view: View, prompt: Prompt) -> tuple[Prompt, Region | None]:
        """The prompt for the crop that shows a small object better; the prompt and None when the whole picture does."""
        first = None
        if prompt.box is None and prompt.mask is None:
            features, _ = await self.features(view)
            decoded = await self.decode(features, prompts.to_model(prompt, view.region))
            best = decoded.logits[prompts.ranked(decoded, prompt)[0]]
            first = frame.to_mask(best, view.region, view.height_px, view.width_px)
        region = zoom.region_for(prompt, first, view.height_px, view.width_px)
        return (zoom.aimed(prompt, first, region), region) if region else (prompt, None)

    def _answer(self, features: Features, view: View, prompt: Prompt, wish: Wish) -> "_Work":
        """One object, in a worker thread."""
        began = perf_counter()
        decoded = self._decoder.decode(features, prompts.to_model(prompt, view.region))
        decode_ms = (perf_counter() - began) * 1e3
        place = Place(view.region, view.height_px, view.width_px, features.sharpness)
        order = prompts.ranked(decoded, prompt)
        chosen = order[:1] if wish.best_only else order
        made = tuple(candidate(decoded, index, place, wish) for index in chosen)
        return _Work(made, decode_ms, (perf_counter() - began) * 1e3 - decode_ms)

    async def everything(self, view: View, grid: Grid, wish: Wish) -> AsyncIterator[Progress]:
        """Masks all over the picture as they are found. Raises EncoderError and what reading the picture raises."""

        async def features(region: Region) -> Features:
            return (await self.features(replace(view, region=region)))[0]

        height, width = view.height_px, view.width_px
        async for step in automatic.everything(height, width, grid, features, self.decode):
            made = await asyncio.to_thread(
                lambda found: tuple(from_found(one, height, width, wish) for one in found), step.found
            )
            yield Progress(made, step.points_done, step.points_total)

    def _kept(self, view: View, made: Candidate) -> tuple[Candidate, str]:
        if made.logits is None:
            return made, ""
        return made, self._logits.put(view.tenant, made.logits, view.ref.sha256, view.region)


@dataclass(frozen=True, slots=True)
class _Work:
    candidates: tuple[Candidate, ...]
    decode_ms: float
    post_ms: float


def handle_of(ref: ContentRef) -> str:
    """The name of a picture in later calls. It holds no secret: it finds nothing in another tenant's store."""
    return f"image-{ref.sha256}-{ref.size_bytes}"


def ref_of(handle: str) -> ContentRef:
    """The picture that a handle names; raises HandleInvalid."""
    match = _HANDLE.fullmatch(handle)
    if match is None:
        raise HandleInvalid
    return ContentRef(f"blob:sha256/{match[1]}", match[1], int(match[2]))
