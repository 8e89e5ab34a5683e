"""VideoService on the wire. Translates, decides nothing."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from chassis.auth import caller
from chassis.blobs import Blobs
from labelmesh.segmenter.v1 import video_service_pb2 as pb
from labelmesh.segmenter.v1.video_service_pb2_grpc import VideoServiceServicer
from labels.proto import content_ref_from_pb
from sam_segmenter.errors import SourceMissing
from sam_segmenter.pictures import Pictures
from sam_segmenter.video import wire
from sam_segmenter.video.frames import Frames, open_file, open_pictures
from sam_segmenter.video.sessions import Sessions, steps


class VideoServicer(VideoServiceServicer):
    """Objects through videos."""

    def __init__(self, sessions: Sessions, blobs: Blobs, pictures: Pictures, max_bytes: int) -> None:
        """`max_bytes` is the largest file of a video."""
        self._sessions = sessions
        self._blobs = blobs
        self._pictures = pictures
        self._max_bytes = max_bytes

    async def CreateVideoSession(
        self, request: pb.CreateVideoSessionRequest, context: Any
    ) -> pb.CreateVideoSessionResponse:
        """Open a video."""
        tenant = caller().tenant
        session = await self._sessions.open(tenant, lambda: self._frames(tenant, request))
        return pb.CreateVideoSessionResponse(session=wire.session_to_pb(session))

    async def GetVideoSession(
        self, request: pb.GetVideoSessionRequest, context: Any
    ) -> pb.GetVideoSessionResponse:
        """Describe a session."""
        async with self._sessions.use(caller().tenant, request.name) as session:
            return pb.GetVideoSessionResponse(session=wire.session_to_pb(session))

    async def AddPrompt(self, request: pb.AddPromptRequest, context: Any) -> pb.AddPromptResponse:
        """Say what an object is on a frame."""
        async with self._sessions.use(caller().tenant, request.name) as session:
            prompt = wire.prompt_from_pb(request.prompt, session)
            sighting = await session.tracker.prompt(request.frame, request.object_id, prompt)
            return pb.AddPromptResponse(mask=wire.sighting_to_pb(sighting))

    async def Propagate(
        self, request: pb.PropagateRequest, context: Any
    ) -> AsyncIterator[pb.PropagateResponse]:
        """Follow the objects."""
        step, most = wire.step_from_pb(request.direction), wire.count_from_pb(request.max_frames)
        async with self._sessions.use(caller().tenant, request.name) as session:
            tracker = session.tracker
            made = (
                tracker.resume(request.cursor)
                if request.cursor
                else tracker.propagate(request.start_frame, step)
            )
            async with aclosing(steps(session, made, most)) as several:
                async for one in several:
                    yield wire.made_to_pb(one)

    async def RemoveObject(self, request: pb.RemoveObjectRequest, context: Any) -> pb.RemoveObjectResponse:
        """Forget an object."""
        async with self._sessions.use(caller().tenant, request.name) as session:
            session.tracker.remove(request.object_id)
            return pb.RemoveObjectResponse(session=wire.session_to_pb(session))

    async def DeleteVideoSession(
        self, request: pb.DeleteVideoSessionRequest, context: Any
    ) -> pb.DeleteVideoSessionResponse:
        """End a session."""
        await self._sessions.end(caller().tenant, request.name)
        return pb.DeleteVideoSessionResponse()

    async def _frames(self, tenant: str, request: pb.CreateVideoSessionRequest) -> Frames:
        match request.WhichOneof("source"):
            case "video":
                ref = content_ref_from_pb(request.video)
                return await open_file(self._blobs, tenant, ref, self._max_bytes)
            case "frames":
                refs = [content_ref_from_pb(one) for one in request.frames.frames]
                return await open_pictures(self._pictures, tenant, refs)
            case _:
                raise SourceMissing("The request names no frames: set a video or at least one picture.")
