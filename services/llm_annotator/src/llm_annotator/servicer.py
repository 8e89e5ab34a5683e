"""The annotator's API: one text now, prompts and examples. Translates, decides nothing."""

from grpc import StatusCode
from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.db import Database
from chassis.pages import page
from labelmesh.annotator.v1 import annotator_service_pb2 as pb
from labelmesh.annotator.v1 import annotator_service_pb2_grpc
from labelmesh.annotator.v1.prediction_run_service_pb2 import RunConfig as RunConfigPb
from labels.asset import check_text
from labels.errors import LabelError
from labels.proto import label_to_pb
from llm_annotator import bank, errors, plans, projects, wire
from llm_annotator.annotator import Annotator
from llm_annotator.plan import Plan

STATUS = {
    LabelError: StatusCode.INVALID_ARGUMENT,
    errors.ProjectMissing: StatusCode.NOT_FOUND,
    errors.RunMissing: StatusCode.NOT_FOUND,
    errors.RequestInvalid: StatusCode.INVALID_ARGUMENT,
    errors.NoTextTool: StatusCode.FAILED_PRECONDITION,
    errors.RequestIdReused: StatusCode.ALREADY_EXISTS,
    errors.RunNotResumable: StatusCode.FAILED_PRECONDITION,
    errors.RunNotCancellable: StatusCode.FAILED_PRECONDITION,
    errors.ItemError: StatusCode.FAILED_PRECONDITION,
    errors.PromptTooLong: StatusCode.INVALID_ARGUMENT,
    errors.EndpointError: StatusCode.FAILED_PRECONDITION,
    errors.QuotaExhausted: StatusCode.RESOURCE_EXHAUSTED,
    errors.EndpointUnavailable: StatusCode.UNAVAILABLE,
    errors.TransientFault: StatusCode.UNAVAILABLE,
    errors.AnnotatorError: StatusCode.INTERNAL,
}


class AnnotatorServicer(annotator_service_pb2_grpc.AnnotatorServiceServicer):
    """AnnotatorService."""

    def __init__(self, database: Database, annotator: Annotator, output_limit: int) -> None:
        self._database = database
        self._annotator = annotator
        self._output_limit = output_limit

    async def PreAnnotate(
        self,
        request: pb.PreAnnotateRequest,
        _context: ServicerContext[pb.PreAnnotateRequest, pb.PreAnnotateResponse],
    ) -> pb.PreAnnotateResponse:
        """Labels a text now."""
        check_text(request.text)
        project, plan = await self._plan(request.parent, request.config)
        prediction = await self._annotator.pre_annotate(request.text, {}, plan)
        return pb.PreAnnotateResponse(
            label=label_to_pb(prediction.label, project),
            prompt_tokens=prediction.prompt_tokens,
            completion_tokens=prediction.completion_tokens,
        )

    async def RenderPrompt(
        self,
        request: pb.RenderPromptRequest,
        _context: ServicerContext[pb.RenderPromptRequest, pb.RenderPromptResponse],
    ) -> pb.RenderPromptResponse:
        """Shows what the model would be shown."""
        check_text(request.text)
        _, plan = await self._plan(request.parent, request.config)
        prompt = plan.prompt(request.text, {})
        return pb.RenderPromptResponse(
            messages=[pb.PromptMessage(role=m.role, content=m.content) for m in prompt.messages],
            sha256=prompt.sha256,
            output_schema_json=plan.schema_json,
            prompt_revision=plan.template.revision,
        )

    async def _plan(self, parent: str, config: RunConfigPb) -> tuple[str, Plan]:
        async with self._database.read() as conn:
            project = await projects.by_id(conn, caller().tenant, wire.project_id(parent))
            plan = await plans.current(conn, project, wire.config_from_pb(config), self._output_limit)
        return project.id, plan

    async def CreatePromptRevision(
        self,
        request: pb.CreatePromptRevisionRequest,
        _context: ServicerContext[pb.CreatePromptRevisionRequest, pb.CreatePromptRevisionResponse],
    ) -> pb.CreatePromptRevisionResponse:
        """Adds a prompt revision."""
        async with self._database.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, wire.project_id(request.parent))
            added = await projects.add_prompt(conn, project, request.instruction, request.output_spec)
        return pb.CreatePromptRevisionResponse(prompt=wire.prompt_to_pb(added))

    async def ListPromptRevisions(
        self,
        request: pb.ListPromptRevisionsRequest,
        _context: ServicerContext[pb.ListPromptRevisionsRequest, pb.ListPromptRevisionsResponse],
    ) -> pb.ListPromptRevisionsResponse:
        """Lists prompt revisions."""
        async with self._database.read() as conn:
            project = await projects.by_id(conn, caller().tenant, wire.project_id(request.parent))
            found = await projects.list_prompts(conn, project.uid)
        return pb.ListPromptRevisionsResponse(prompts=map(wire.prompt_to_pb, found))

    async def ListExamples(
        self,
        request: pb.ListExamplesRequest,
        _context: ServicerContext[pb.ListExamplesRequest, pb.ListExamplesResponse],
    ) -> pb.ListExamplesResponse:
        """Lists the example bank."""
        async with self._database.read() as conn:
            project = await projects.by_id(conn, caller().tenant, wire.project_id(request.parent))
            query = ("examples", project.uid)
            asked = page(query, request.page_size, request.page_token, (int, str))
            entries, total = await bank.page(conn, project.uid, asked.size + 1, asked.after)
        shown, token = asked.first(entries, lambda entry: entry.key)
        return pb.ListExamplesResponse(
            examples=[wire.example_to_pb(entry, project.id) for entry in shown],
            total=total,
            next_page_token=token,
        )
