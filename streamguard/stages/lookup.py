"""lookup: has this question been answered already?

A hit becomes a completion, which verify treats like any other answer; a miss becomes an invocation, in the topic of its lane:
however many batch requests there are, no interactive one stands behind them. A cache that fails is a miss: savings fail open.
"""

import logging

from streamguard.cache.exact import ExactCache, Hit
from streamguard.clock import Clock
from streamguard.events.base import Record, carry
from streamguard.events.stages import CacheUse, Completion, Guarded, Invocation
from streamguard.stages.contract import Event, Out, Step
from streamguard.stages.watch import Watch

log = logging.getLogger(__name__)

_TOPIC_OF_LANE = {"batch": "invocations-batch"}
"""By the record alone: a second run, whoever makes it, chooses the same topic. A lane that is not known is interactive."""


class Lookup:
    """The stage, over the cache that this worker keeps of `cache-entries`."""

    def __init__(self, cache: ExactCache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    async def run(self, event: Event[Guarded], found: Record | None) -> Step:
        """A completion from the cache, or an invocation."""
        watch = Watch("lookup", self._clock)
        if isinstance(found, Completion):
            return [Out("completions", event.key, found)]
        guarded = event.record
        hit = None if isinstance(found, Invocation) else self._find(guarded)
        if hit is not None and hit.fresh:
            entry = hit.entry
            use = CacheUse(status="exact", similarity=1.0, saved_nusd=entry.cost_nusd)
            completion = carry(
                guarded,
                Completion,
                trail=(*guarded.trail, watch.entry("exact", age_us=max(0, watch.started_at - entry.created_at))),
                output=entry.output,
                source="cache",
                provider=entry.provider,
                model=entry.model,
                cost_nusd=0,
                price_version=entry.price_version,
                cache=use,
            )
            return [Out("completions", event.key, completion)]
        decision = "off" if guarded.head.cache == "off" else "miss"
        trail = (*guarded.trail, watch.entry(decision, stale=True if hit else None))
        invocation = carry(guarded, Invocation, trail=trail, stale=hit.entry if hit else None)
        return [Out(_TOPIC_OF_LANE.get(guarded.head.lane, "invocations"), event.key, invocation)]

    def _find(self, guarded: Guarded) -> Hit | None:
        if guarded.head.cache == "off":
            return None
        try:
            return self._cache.get(guarded.fingerprint, guarded.head.tenant_id, self._clock.now_us())
        except Exception as error:  # noqa: BLE001 - whatever the cache does, the request goes on
            log.warning("cache lookup failed", extra={"error": type(error).__name__})
            return None
