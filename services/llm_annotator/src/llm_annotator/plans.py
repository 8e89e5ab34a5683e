"""SQL room: the plan for one request outside runs."""

from sqlalchemy.ext.asyncio import AsyncConnection

from llm_annotator import bank, projects
from llm_annotator.errors import NoTextTool
from llm_annotator.plan import Plan
from llm_annotator.projects import Project
from llm_annotator.run import Job, RunConfig


async def current(conn: AsyncConnection, project: Project, config: RunConfig, output_limit: int) -> Plan:
    """A plan with the project's newest prompt and examples drawn now; raises NoTextTool or RequestInvalid."""
    template = await projects.newest_prompt(conn, project.uid)
    if template is None:
        raise NoTextTool
    bank.check(project, config)
    return Plan(
        project.ontology,
        template,
        await bank.draw(conn, project, config),
        method=config.method,
        seed=config.seed,
        output_limit=output_limit,
        project_id=project.id,
    )


def of_job(job: Job, output_limit: int) -> Plan:
    """The plan of a run, fixed when it started."""
    return Plan(
        job.ontology,
        job.template,
        job.examples,
        method=job.config.method,
        seed=job.config.seed,
        output_limit=output_limit,
        project_id=job.project_id,
        run_uid=job.run_uid,
    )
