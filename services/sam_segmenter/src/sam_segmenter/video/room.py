"""The video room, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.blobs import Blobs
from sam_segmenter.pictures import Pictures
from sam_segmenter.segmenter import Segmenter
from sam_segmenter.settings import Settings
from sam_segmenter.video.servicer import VideoServicer
from sam_segmenter.video.sessions import Limits, Sessions
from sam_segmenter.video.tracker import Sam1Tracker


@asynccontextmanager
async def video_servicer(
    settings: Settings, segmenter: Segmenter, blobs: Blobs, pictures: Pictures
) -> AsyncIterator[VideoServicer]:
    """VideoService over a segmenter; its sessions end with the context."""
    limits = Limits(
        settings.tenant_video_sessions,
        settings.video_sessions,
        settings.video_bytes,
        settings.video_unused_seconds,
    )
    async with Sessions(lambda frames, tenant: Sam1Tracker(frames, segmenter, tenant), limits) as sessions:
        yield VideoServicer(sessions, blobs, pictures, settings.video_file_bytes)
