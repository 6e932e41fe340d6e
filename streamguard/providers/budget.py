"""How many calls beyond the first ones a struggling provider may cause, so that its outage is not multiplied. Pure but for the
clock.

The budget belongs to the provider that a question is bound for, the first choice of its route. Over a sliding window

    left = max(share x answered, per_second x window) - further calls taken - those to be expected

where those to be expected are the questions now out with the first choice, times the further calls that such a question has
taken of late. Two rules follow, and they are of different kinds:

- A question that has not been asked yet goes to its first choice while something is left. Else it goes straight to the next
  candidate, which costs one call and is a live answer all the same. A first choice that causes no more further calls than
  `share` is always asked (it is not what uses the budget up), and a bad one now and then (`per_second`), to see it recover.
- A question that went to its first choice in vain may always ask one more candidate, though nothing is left. Refusing it would
  turn everything that was out when the provider failed into answers without a model; what it costs is held against the questions
  that come next. All other further calls need something to be left.

So, at a steady rate and whoever fails, the calls a question are at most 1 + max(share, per_second / rate). Only those questions
can go beyond it that were out before the first failure was seen (rate x time to fail, once an outage), and those that go to
their first choice without leave because no other model has a place: it is asked rather than nobody.

Sources: the budget of answers with a floor a second is Finagle's `RetryBudget`; to send less to a backend by what it was seen to
refuse is the adaptive throttling of Google's SRE book (Handling Overload).
"""

from collections import deque
from dataclasses import dataclass

from streamguard.clock import Clock
from streamguard.config import RetryBudget
from streamguard.metrics import RETRY_BUDGET_EXHAUSTED

_PARTS = 20
"""The window is counted in this many parts: constant memory at any rate."""
_KEPT = 0.2
"""Of the whole allowance: kept from first choices for questions whose own next candidate fails."""


@dataclass(slots=True)
class _Counts:
    number: int
    """Of the part of time that is counted here."""
    answered: int = 0
    taken: int = 0
    tried: int = 0
    """Questions that came back from their first choice."""
    caused: int = 0
    """Further calls that these took."""


class Budget:
    """The budget of one provider."""

    def __init__(self, provider: str, settings: RetryBudget, clock: Clock) -> None:
        self._provider = provider
        self._settings = settings
        self._clock = clock
        self._length = settings.window / _PARTS
        self._floor = settings.per_second * settings.window
        self._rest = 1.0 / settings.per_second if settings.per_second else settings.window
        # further calls are looked for in one part more than answers: what is allowed is never allowed twice at the edge
        self._parts: deque[_Counts] = deque([_Counts(0)], maxlen=_PARTS + 1)
        self._past = _Counts(0)
        self._out = 0
        self._last_price = 0.0
        self._first_at = float("-inf")

    def open(self) -> "Stake":
        """A new question that is bound for this provider. Its `end` must be told."""
        return Stake(self)

    @property
    def exhausted(self) -> bool:
        """Whether a new question should not go to its first choice now. Charges nothing."""
        return not self._may_ask_first()

    @property
    def left(self) -> float:
        """Further calls that may still be taken now; below 0 after an outage that caught many questions."""
        counts = self._now()
        return self._allowed() - self._past.taken - counts.taken - self._out * self._price()

    def _may_ask_first(self) -> bool:
        price = self._price()
        if price <= self._settings.share or self.left - price >= _KEPT * self._allowed():
            return True
        return self._clock.monotonic() - self._first_at >= self._rest

    def ask_first(self) -> bool:
        """For `Stake`: leave for a question to go to its first choice; it is out until it `came_back`."""
        if not self._may_ask_first():
            RETRY_BUDGET_EXHAUSTED.labels(self._provider, "first").inc()
            return False
        self._out += 1
        self._first_at = self._clock.monotonic()
        return True

    def sent_anyway(self) -> None:
        """For `Stake`: a question goes to its first choice without leave; it is out until it `came_back`."""
        self._out += 1

    def came_back(self) -> None:
        """For `Stake`: the first choice has answered the question or failed it."""
        self._out -= 1
        self._now().tried += 1

    def take(self, *, owed: bool, caused: bool) -> bool:
        """For `Stake`: leave for a further call, always when it is `owed`; `caused` by the first choice or by another."""
        if not owed and self.left < 1:
            RETRY_BUDGET_EXHAUSTED.labels(self._provider, "further").inc()
            return False
        counts = self._now()
        counts.taken += 1
        counts.caused += caused
        return True

    def answered(self) -> None:
        """For `Stake`: a model answered a question that was bound for this provider."""
        self._now().answered += 1

    def _allowed(self) -> float:
        return max(self._floor, self._settings.share * (self._past.answered + self._now().answered))

    def _price(self) -> float:
        """Further calls that a question sent to its first choice takes, as seen in the window, or else the last time."""
        counts = self._now()
        tried = self._past.tried + counts.tried
        if tried:
            self._last_price = (self._past.caused + counts.caused) / tried
        return self._last_price

    def _now(self) -> _Counts:
        """The part that is being counted; the sums over those before it are made when a new one begins."""
        number = int(self._clock.monotonic() / self._length)
        parts = self._parts
        if number > parts[-1].number:
            parts.append(_Counts(number))
            while parts[0].number < number - _PARTS:
                parts.popleft()
            before = [part for part in parts if part.number < number]
            fresh = [part for part in before if part.number > number - _PARTS]
            self._past = _Counts(
                number,
                answered=sum(part.answered for part in fresh),
                taken=sum(part.taken for part in before),
                tried=sum(part.tried for part in fresh),
                caused=sum(part.caused for part in fresh),
            )
        return parts[-1]


class Stake:
    """One question's part in the budget. Not safe to share between questions."""

    __slots__ = ("_budget", "_ended", "_first", "_out", "_owed")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._first = self._out = self._owed = self._ended = False

    def first(self) -> bool:
        """Leave to ask the first choice, asked for right before that call. False: go on to the next candidate (`retry_budget`)
        if there is one that can be asked; else ask the first choice in spite of it."""
        if not self._first and not self._ended:
            self._first = self._out = self._owed = self._budget.ask_first()
        return self._first

    def insist(self) -> None:
        """Go to the first choice although `first` said no, for no other has a place. From then on the question is like any
        other that went there: what it causes is counted, and one fallback is never refused."""
        if not self._first and not self._ended:
            self._first = self._out = self._owed = True
            self._budget.sent_anyway()

    def retry(self) -> bool:
        """Leave to ask the same model again. Charged when given."""
        return self._take(owed=False)

    def fallback(self) -> bool:
        """Leave to ask another model, after a call of this question has failed. Charged when given. The first one after the
        first choice is never refused."""
        owed, self._owed = self._owed, False
        return self._take(owed=owed)

    def end(self, *, live: bool) -> None:
        """The question is over; `live` says that a model answered it, whichever. Idempotent: the first word counts."""
        if self._ended:
            return
        self._ended = True
        self._come_back()
        if live:
            self._budget.answered()

    def _take(self, *, owed: bool) -> bool:
        self._come_back()
        return self._budget.take(owed=owed, caused=self._first)

    def _come_back(self) -> None:
        if self._out:
            self._out = False
            self._budget.came_back()


class RetryBudgets:
    """One budget a provider, made when first asked for. One of these a worker."""

    def __init__(self, settings: RetryBudget, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._budgets: dict[str, Budget] = {}

    def of(self, provider: str) -> Budget:
        """The budget of that provider; always the same object."""
        budget = self._budgets.get(provider)
        if budget is None:
            budget = self._budgets[provider] = Budget(provider, self._settings, self._clock)
        return budget
