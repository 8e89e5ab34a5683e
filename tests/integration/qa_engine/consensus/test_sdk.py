"""`client.consensus` against the running service."""

import pytest

from chassis.ids import new_uid
from labelmesh.client import ConsensusMethod, ConsensusPolicy, LabelmeshError
from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.consensus import Consensus
from labelmesh.client.projects import Projects
from labels.asset import Asset
from labels.label import Label, LabelKind

from .conftest import TEXT, bearer, entity, topic


@pytest.fixture
def consensus(room):
    link = Link("qa-engine", "here", room.channel, bearer("a"))
    return Consensus(link, Arrival(Projects(link)))


async def test_a_project_is_compared_from_end_to_end(room, consensus):
    for n in range(4):
        same = "sport" if n % 2 else "politics"
        await room.answered([topic(same), entity(0, 7)], [topic(same), entity(0, 3)])
    await room.answered([topic("sport")], [topic("politics")])
    await room.resolved(5)
    wanted = ConsensusPolicy(ConsensusMethod.MAJORITY, iou=0.4)
    assert (await consensus.set_policy("news", wanted)).revision == 1
    assert (await consensus.policy("news")).method is ConsensusMethod.MAJORITY
    computed = await consensus.compute("news", max_assets=5)
    assert [r.label is not None for r in computed] == [False, True, True, True, True]
    assert [r.asset_uid async for r in consensus.results("news", disputed=True)] == [computed[0].asset_uid]
    measured = await consensus.agreement("news", "entity")
    assert (measured.overlap_f1.value, measured.overlap_f1.n, measured.alpha.value) == (1, 4, None)
    people = await consensus.annotators("news", "topic", method=ConsensusMethod.ONE_COIN)
    assert {one.annotator: one.votes for one in people} == {"p0": 5, "p1": 5}


async def test_own_labels_are_compared(room, consensus):
    asset = Asset(key="k", uid=new_uid(), text=TEXT)
    labels = [Label(LabelKind.REVIEW, who, (entity(0, 7),), asset_uid=asset.uid) for who in ("ann", "bob")]
    (found,) = await consensus.compute("news", [(asset, labels)])
    assert found.label is not None
    assert found.label.annotations[0].value == entity(0, 7).value
    with pytest.raises(LabelmeshError) as refused:
        await consensus.compute("news", [(asset, [labels[0], labels[0]])])
    assert refused.value.reason == "VOTES_INVALID"
