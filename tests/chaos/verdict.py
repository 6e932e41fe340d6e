"""What a run left behind, held against the promise."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import orjson

from streamguard.stream.flow import FLOW
from tests.chaos.driver import Driver
from tests.chaos.fleet import Fleet
from tests.support.audit import Commit, Outputs, below_marks, committed_too_far, out_of_order, read_all

# Not the journal and `admitted`: there a deposed owner may write, and the readers drop what it wrote.
ONCE = ("guarded", "invocations", "completions", "responses", "outcomes", "telemetry", "payloads", "settlements")


async def examine_run(
    brokers: str, fleet: Fleet, driver: Driver, commits: Mapping[str, Sequence[Commit]]
) -> dict[str, list[str]]:
    audit = driver.tally.audit()
    entries = await read_all(brokers, [fleet.topics.full(name) for name in ("admitted", *ONCE)])
    found: dict[str, list[str]] = defaultdict(list)
    if audit.lost:
        found["lost"] = [f"{one.kind} {one.identity}" for one in driver.tally.missing(50)]
    found["twice"] = ["an end"] * audit.twice
    found["elsewhere"] = ["an end of nothing"] * audit.elsewhere
    outputs = Outputs({topic: all_ for topic, all_ in entries.items() if not topic.endswith("admitted")})
    found["written twice"] = [f"{source} in {topic}" for source, topic in outputs.twice()]
    found["unplanned"] = [f"{what}: {count}" for what, count in audit.unplanned.items()]
    for stage, seen in commits.items():
        source = FLOW[stage].source
        if stage in ("admit", "settle", "guard"):
            continue
        inputs = entries[fleet.topics.full(source)]
        found["committed too far"] += [f"{stage} {one}" for one in committed_too_far(seen, inputs, outputs)]
        found["below a mark"] += [f"{stage} {one}" for one in below_marks(seen, inputs, outputs)]
    stored = {
        f"{(head := orjson.loads(one.value or b'{}')['head'])['tenant_id']}/{head['request_id']}": one.timestamp
        for one in entries[fleet.topics.full("completions")]
    }
    for call in await fleet.calls():
        key = "/".join((call["idempotency_key"] or "").split("/")[:2])
        begun = call.get("begun_us", 0) // 1000
        if key in stored and begun > stored[key] + 1:
            found["paid twice"].append(f"{call['idempotency_key']} {begun - stored[key]} ms after")
    found["order"] = [str(one) for one in out_of_order(entries[fleet.topics.full("guarded")])]
    return {kind: all_ for kind, all_ in found.items() if all_}
