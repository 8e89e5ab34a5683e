"""Python SDK of Labelmesh.

    from labelmesh.client import Client, Endpoints, ImportRow, Project, RunConfig, Shots

    async with Client(Endpoints()) as client:
        await client.projects.create(Project("tickets", ontology))
        await client.assets.import_rows("tickets", rows)
        run = await client.runs.create("tickets", RunConfig(shots=Shots.FEW), minimum_asset_count=len(rows))
        await client.runs.wait(run)
        for lease in await client.queue.lease_next("tickets", max_tasks=10):
            await client.queue.submit_final(lease, right_annotations)

        cat = ObjectPrompt(clicks=(Click(320, 240),))
        answer = await client.segmenter.segment(await client.segmenter.upload(Path("cat.jpg")), [cat])

Values (assets, ontologies, labels, annotations) come from the `labels` package; everything a call can end in
is a LabelmeshError.
"""

from labelmesh.client.agreed import (
    AgreementMeasure,
    ConsensusMethod,
    ConsensusPolicy,
    ConsensusResult,
    PairAgreement,
    QualityByVotes,
    ToolAgreement,
)
from labelmesh.client.client import Client
from labelmesh.client.endpoints import Endpoints, Tls
from labelmesh.client.errors import LabelmeshError, NotConnected, Refused
from labelmesh.client.found_label import FoundLabel, LabelSource
from labelmesh.client.importing import ImportProgress, ImportRow, RowError
from labelmesh.client.label_rows import LabelImport, LabelRow
from labelmesh.client.labels import ExportedAsset
from labelmesh.client.measure import Estimate, HoldOutPolicy, Lift, MetricQuery, MetricRow
from labelmesh.client.metric import Metrics, Rate
from labelmesh.client.plugin import (
    Plugin,
    PluginError,
    PluginLanguage,
    PluginOutcome,
    PluginTest,
    RuleDraft,
)
from labelmesh.client.project import PreAnnotation, PriorityWeights, Project
from labelmesh.client.queue_policy import Pool, QueueEntry, QueuePolicy, QueueView, Route
from labelmesh.client.rule import Rule, RuleAction, RuleMode, RuleParameter, StoredFinding
from labelmesh.client.rule_run import (
    ReviewTimeSource,
    RuleMetrics,
    RulePrecision,
    RuleRun,
    RuleRunKind,
    RuleRunState,
    RunHit,
    Verdict,
)
from labelmesh.client.run import ExamplePool, ItemState, Run, RunConfig, RunScope, RunState, Shots
from labelmesh.client.segment import (
    Click,
    FoundMasks,
    Grid,
    ObjectPrompt,
    PostProcess,
    Segmentation,
    SegmentedMask,
    ShapeForm,
)
from labelmesh.client.segmentation_run import (
    SegmentationConfig,
    SegmentationMode,
    SegmentationRun,
    SegmentationRunState,
)
from labelmesh.client.task import Decision, Explanation, Lease, Task, TaskCounts, TaskState
from labelmesh.client.trust import (
    AcceptancePolicy,
    AnnotatorQuality,
    Applied,
    AssuranceCounts,
    AssuranceStatus,
    AutomationStage,
    Certificate,
    GoldSet,
    SliceBy,
    SliceThreshold,
    ThresholdFit,
)

__all__ = [
    "AcceptancePolicy",
    "AgreementMeasure",
    "AnnotatorQuality",
    "Applied",
    "AssuranceCounts",
    "AssuranceStatus",
    "AutomationStage",
    "Certificate",
    "Click",
    "Client",
    "ConsensusMethod",
    "ConsensusPolicy",
    "ConsensusResult",
    "Decision",
    "Endpoints",
    "Estimate",
    "ExamplePool",
    "Explanation",
    "ExportedAsset",
    "FoundLabel",
    "FoundMasks",
    "GoldSet",
    "Grid",
    "HoldOutPolicy",
    "ImportProgress",
    "ImportRow",
    "ItemState",
    "LabelImport",
    "LabelRow",
    "LabelSource",
    "LabelmeshError",
    "Lease",
    "Lift",
    "MetricQuery",
    "MetricRow",
    "Metrics",
    "NotConnected",
    "ObjectPrompt",
    "PairAgreement",
    "Plugin",
    "PluginError",
    "PluginLanguage",
    "PluginOutcome",
    "PluginTest",
    "Pool",
    "PostProcess",
    "PreAnnotation",
    "PriorityWeights",
    "Project",
    "QualityByVotes",
    "QueueEntry",
    "QueuePolicy",
    "QueueView",
    "Rate",
    "Refused",
    "ReviewTimeSource",
    "Route",
    "RowError",
    "Rule",
    "RuleAction",
    "RuleDraft",
    "RuleMetrics",
    "RuleMode",
    "RuleParameter",
    "RulePrecision",
    "RuleRun",
    "RuleRunKind",
    "RuleRunState",
    "Run",
    "RunConfig",
    "RunHit",
    "RunScope",
    "RunState",
    "Segmentation",
    "SegmentationConfig",
    "SegmentationMode",
    "SegmentationRun",
    "SegmentationRunState",
    "SegmentedMask",
    "ShapeForm",
    "Shots",
    "SliceBy",
    "SliceThreshold",
    "StoredFinding",
    "Task",
    "TaskCounts",
    "TaskState",
    "ThresholdFit",
    "Tls",
    "ToolAgreement",
    "Verdict",
]
