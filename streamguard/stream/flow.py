"""Which topics each stage reads and writes: the line, as data."""

from dataclasses import dataclass

from streamguard.events.trail import StageName


@dataclass(frozen=True, slots=True)
class Route:
    """One intake: what a worker reads, with a consumer group of its own, and where what its stage makes of it goes.

    `targets` keep the input's key and partition number; in `rekeyed` topics the key changes; `beside` are read whole, or written
    to while a step runs. `pipelined`: only the decision is serial, its outputs follow in order while the next decision is made.
    `stage` is what trails, metrics and dead letters call it; `intake` what the group and the command line do, where that differs.
    """

    stage: StageName
    source: str
    targets: tuple[str, ...]
    rekeyed: tuple[str, ...] = ()
    pipelined: bool = False
    beside: tuple[str, ...] = ()
    intake: str = ""

    @property
    def name(self) -> str:
        """Of the intake: unique."""
        return self.intake or self.stage


_ENDED = ("outcomes", "responses", "dead-letters")
"""Where every stage after admit can end a request that it cannot handle."""
_SHOWN = ("response-chunks", *_ENDED)
"""And where those say it that may have shown something of the answer. Workers write there while a step runs, too."""
_INVOKED = ("completions", *_SHOWN)
_ASKING = ("cancellations", "breakers")
"""What workers that ask models read, and tell each other."""

FLOW: dict[str, Route] = {
    route.name: route
    for route in (
        Route("admit", "requests", ("admission-journal", "dead-letters"), ("admitted", "requests"), pipelined=True),
        Route("guard", "admitted", ("guarded", *_ENDED)),
        Route(
            "lookup", "guarded", ("invocations", "invocations-batch", "completions", *_ENDED), beside=("cache-entries",)
        ),
        Route("invoke", "invocations", _INVOKED, beside=_ASKING),
        Route("invoke", "invocations-batch", _INVOKED, beside=_ASKING, intake="invoke_batch"),
        Route("verify", "completions", _SHOWN),
        Route("settle", "outcomes", ("telemetry", "payloads", "dead-letters"), ("settlements", "cache-entries")),
    )
}
"""The intakes by name, in the order of the flow. Each is a stage, but invoke has two: one for each lane."""


def group_name(prefix: str, intake: str) -> str:
    """The consumer group of an intake."""
    return f"{prefix}streamguard-{intake}"
