"""An HTTP server that plays language models, in OpenAI's API and in Anthropic's: repeatable answers, latencies and faults, with
its own books."""

from streamguard.dev.simulator.server import Simulator, serve
from streamguard.dev.simulator.settings import (
    DEFAULT_PRICES,
    Fault,
    FaultRule,
    Latency,
    LimitRule,
    Price,
    SimulatorSettings,
    fault_rules,
)

__all__ = [
    "DEFAULT_PRICES",
    "Fault",
    "FaultRule",
    "Latency",
    "LimitRule",
    "Price",
    "Simulator",
    "SimulatorSettings",
    "fault_rules",
    "serve",
]
