"""Which topics each stage reads and writes: the line, as data."""

from dataclasses import dataclass

from streamguard.events.trail import StageName


@dataclass(frozen=True, slots=True)
class Route:
    """`targets` keep the input's key and partition number; in `rekeyed` topics the key changes; `beside` are read whole.

    `pipelined`: only the decision is serial, its outputs follow in order while the next decision is made.
    """

    stage: StageName
    source: str
    targets: tuple[str, ...]
    rekeyed: tuple[str, ...] = ()
    pipelined: bool = False
    beside: tuple[str, ...] = ()


_ENDED = ("outcomes", "responses", "dead-letters")
"""Where every stage after admit can end a request that it cannot handle."""

FLOW: dict[str, Route] = {
    route.stage: route
    for route in (
        Route("admit", "requests", ("admission-journal", "dead-letters"), ("admitted", "requests"), pipelined=True),
        Route("guard", "admitted", ("guarded", *_ENDED)),
        Route("lookup", "guarded", ("invocations", "completions", *_ENDED), beside=("cache-entries",)),
        Route("invoke", "invocations", ("completions", *_ENDED)),
        Route("verify", "completions", _ENDED),
        Route("settle", "outcomes", ("telemetry", "payloads", "dead-letters"), ("settlements", "cache-entries")),
    )
}
"""The stages by name, in the order of the flow."""


def group_name(prefix: str, stage: str) -> str:
    """The consumer group of a stage."""
    return f"{prefix}streamguard-{stage}"
