"""Resource names: `projects/{project}` and what lies below it."""

import re
from functools import lru_cache

from labels.errors import NameInvalid

PROJECT = "projects/{}"
ASSET = "projects/{}/assets/{}"
LABEL = "projects/{}/labels/{}"
TASK = "projects/{}/tasks/{}"
RUN = "projects/{}/predictionRuns/{}"
CERTIFICATE = "projects/{}/certificates/{}"
THRESHOLD_FIT = "projects/{}/thresholdFits/{}"
GOLD_SET = "projects/{}/goldSets/{}"
RULE_RUN = "projects/{}/ruleRuns/{}"
QUEUE_POLICY = "projects/{}/queuePolicy"

_PROJECT_ID = r"([a-z][a-z0-9-]{1,47})"
_UID = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"


def parse(name: str, template: str) -> tuple[str, ...]:
    """What stands for each `{}` of the template, such as (project_id, uid) for "projects/{}/assets/{}".

    Raises NameInvalid.
    """
    match = _pattern(template).fullmatch(name)
    if match is None:
        raise NameInvalid(f'The name "{_printable(name)}" does not have the form "{_form(template)}".')
    return match.groups()


def parse_project(name: str) -> str:
    """The project id of `projects/{project}`; raises NameInvalid."""
    return parse(name, PROJECT)[0]


def is_project_id(project_id: str) -> bool:
    """Whether a user may call a project so: 2 to 48 of a-z, 0-9 and -, starting with a letter."""
    return re.fullmatch(_PROJECT_ID, project_id) is not None


def project_name(project_id: str) -> str:
    """`projects/{project}`."""
    return f"projects/{project_id}"


def asset_name(project_id: str, uid: str) -> str:
    """`projects/{project}/assets/{uid}`."""
    return f"projects/{project_id}/assets/{uid}"


def label_name(project_id: str, uid: str) -> str:
    """`projects/{project}/labels/{uid}`."""
    return f"projects/{project_id}/labels/{uid}"


def task_name(project_id: str, uid: str) -> str:
    """`projects/{project}/tasks/{uid}`."""
    return f"projects/{project_id}/tasks/{uid}"


def run_name(project_id: str, uid: str) -> str:
    """`projects/{project}/predictionRuns/{uid}`."""
    return f"projects/{project_id}/predictionRuns/{uid}"


def rule_run_name(project_id: str, uid: str) -> str:
    """`projects/{project}/ruleRuns/{uid}`."""
    return f"projects/{project_id}/ruleRuns/{uid}"


def certificate_name(project_id: str, uid: str) -> str:
    """`projects/{project}/certificates/{uid}`."""
    return f"projects/{project_id}/certificates/{uid}"


def fit_name(project_id: str, uid: str) -> str:
    """`projects/{project}/thresholdFits/{uid}`."""
    return f"projects/{project_id}/thresholdFits/{uid}"


def gold_set_name(project_id: str, gold_set_id: str) -> str:
    """`projects/{project}/goldSets/{id}`."""
    return f"projects/{project_id}/goldSets/{gold_set_id}"


@lru_cache(maxsize=64)
def _pattern(template: str) -> re.Pattern[str]:
    project, *below = template.split("{}")
    return re.compile(re.escape(project) + _PROJECT_ID + _UID.join(re.escape(part) for part in below))


def _form(template: str) -> str:
    return template.replace("{}", "{project}", 1).replace("{}", "{uid}")


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() and c != '"' else "?" for c in name[:100])
