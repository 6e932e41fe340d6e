"""A response as a person at a terminal reads it: what came of it in one line, and the answer."""

from math import ceil

from streamguard.cli.terminal import visible
from streamguard.events.outcome import Ended, Response
from streamguard.events.reading import Told
from streamguard.money import format_usd


def plain_lines(response: Response) -> list[str]:
    """Status, reason, who answered, time, cost and id; then the answer, and the tools that it calls."""
    lines = [" · ".join([*summary(response), response.request_id])]
    if response.output:
        lines.append(visible(response.output))
    lines += [visible(f"calls {call.function.name}({call.function.arguments})") for call in response.tool_calls]
    return lines


def piece(told: Told) -> str:
    """What is written behind the rest while an answer is shown."""
    match told.kind:
        case "text":
            return visible(told.text)
        case "restarted":
            return "\n-- not that; anew:\n"
        case "retracted":
            return "\n-- taken back"
        case "final":
            return ""


def summary(response: Ended) -> list[str]:
    """What came of a request: status, reason, who answered, time, cost, and when to ask again."""
    said = [f"{response.status}: {response.reason}" if response.reason else response.status]
    if response.degraded:
        said.append(f"only by {response.degraded.replace('_', ' ')}")
    if response.model:
        said.append(f"{response.provider}/{response.model}")
    if response.cache.status not in ("off", "miss"):
        said.append(f"from the cache ({response.cache.status})")
    said.append(f"{response.timings.total_us / 1000:,.0f} ms")
    said.append(f"cost {format_usd(response.cost_nusd)}")
    if response.retry_after_us:
        said.append(f"ask again in {ceil(response.retry_after_us / 1e6):,} s")
    return said
