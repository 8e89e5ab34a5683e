"""Noticing that errors have become more, as pure functions.

Of every moment at which things might have turned worse a bet begins (see `anytime`), and what all of them hold is
added up: M = (M + 1) * L, where L is the item's likelihood ratio of `BAD` times the target to the target. This is the
procedure of Shiryaev and Roberts; as a sum of bets (an e-detector: Shin, Ramdas and Rinaldo, 2022) it needs no model of
what was before. While errors stay at or below the target the mean number of items until a false alarm is at least the
height of the alarm. A long good past does not slow it down, as it does a test of all items together.
"""

from dataclasses import dataclass
from math import ceil, exp, log, log1p

from review_queue.assurance.binomial import binomial_cdf

BAD = 2.5
"""The ratio to the target that the bets are on."""
HEIGHT = 5_000.0
"""Mean number of items, at least, until an alarm that nothing was wrong for."""
_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class Detector:
    """Looks for a share of errors above `target`, in 0 to 1 (open)."""

    target: float
    height: float = HEIGHT

    def after(self, level: float, *, wrong: bool) -> float:
        """The level (0 at first) after one more item; stays at the height once there."""
        if level >= self.height:
            return level
        return (level + 1.0) * exp(self._wrong if wrong else self._right)

    def alarm(self, level: float) -> bool:
        """Whether the level says that errors are above the target."""
        return level >= self.height

    def items_until_alarm(self, error: float, chance: float = 0.95) -> int:
        """Items of that true share of errors after which the alarm is there with at least that chance.

        Not an estimate: the bet that begins with the first of them alone brings it about, and whether it has by then
        is a question to the binomial distribution. Raises ValueError where the share is too small to be sure.
        """
        if error * self._wrong + (1 - error) * self._right <= 0:
            raise ValueError("the share is not above what the detector looks for")
        low, high = 0, 1
        while not self._there(high, error, chance):
            low, high = high, 2 * high
            if high > _MOST:
                raise ValueError("the share is too close to what the detector looks for")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._there(middle, error, chance) else (middle, high)
        return high

    def _there(self, n: int, error: float, chance: float) -> bool:
        needed = ceil((log(self.height) - n * self._right) / (self._wrong - self._right))
        return 1.0 - binomial_cdf(max(needed, 0) - 1, n, error) >= chance

    @property
    def _bad(self) -> float:
        return min(BAD * self.target, (1.0 + self.target) / 2)

    @property
    def _wrong(self) -> float:
        return log(self._bad / self.target)

    @property
    def _right(self) -> float:
        return log1p(-self._bad) - log1p(-self.target)
