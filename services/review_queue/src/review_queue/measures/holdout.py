"""Assistance held out: which tasks are handed out without their prediction, as pure functions.

A task is drawn by its asset's uid and a secret of the project. So each asset is drawn once and for all, nobody outside
can tell which, and whoever knows the secret can derive it again.
"""

import hmac
from dataclasses import dataclass
from enum import IntEnum

from review_queue.errors import HoldOutInvalid

MAX_SHARE = 0.5


class Arm(IntEnum):
    """What the reviewer saw of the prediction.

    NONE: there was none. SHOWN: it was there, and nothing was drawn. ASSISTED and HELD_OUT: the task was drawn to be
    shown it, or not to be.
    """

    NONE = 0
    SHOWN = 1
    ASSISTED = 2
    HELD_OUT = 3


@dataclass(frozen=True, slots=True)
class HoldOut:
    """A project's policy: the `share` of predictions held back, 0 to 0.5, 0 for none.

    `experiment` counts the changes of the share from 1; reviews of different experiments are never compared.
    """

    share: float = 0.0
    secret: str = ""
    experiment: int = 0
    time_us: int = 0

    @property
    def etag(self) -> str:
        """Changes with the policy."""
        return str(self.experiment)


NO_HOLD_OUT = HoldOut()


def check_share(share: float) -> None:
    """Raise HoldOutInvalid unless it is 0 to 0.5."""
    # Written so that NaN fails.
    if not 0.0 <= share <= MAX_SHARE:
        raise HoldOutInvalid


def draw(policy: HoldOut, asset_uid: str) -> float:
    """The asset's number in [0, 1): the first 53 bits of HMAC-SHA256 of its uid under the secret."""
    digest = hmac.digest(policy.secret.encode(), asset_uid.encode(), "sha256")
    return float((int.from_bytes(digest[:8]) >> 11) / (1 << 53))


def held_out(policy: HoldOut, asset_uid: str) -> bool:
    """Whether the asset's prediction is to be held back."""
    return policy.share > 0 and draw(policy, asset_uid) < policy.share


def arm_of(policy: HoldOut, asset_uid: str, *, shown: bool, hidden: bool) -> tuple[Arm, int]:
    """The arm of an answer to a prediction that was shown or hidden, and its experiment.

    Experiment 0 where the policy as it is now would have done otherwise: the share changed between lease and answer,
    so the draw of neither policy says why the task was handed out as it was.
    """
    if not shown and not hidden:
        return Arm.NONE, 0
    if policy.share <= 0 or hidden != held_out(policy, asset_uid):
        return (Arm.HELD_OUT if hidden else Arm.SHOWN), 0
    return (Arm.HELD_OUT if hidden else Arm.ASSISTED), policy.experiment
