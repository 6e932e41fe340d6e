"""An OpenAI-compatible HTTP server that plays language models: repeatable answers, latencies and faults, with its own books."""

from streamguard.dev.simulator.server import Simulator, serve
from streamguard.dev.simulator.settings import (
    DEFAULT_PRICES,
    Fault,
    FaultRule,
    Latency,
    Price,
    SimulatorSettings,
    fault_rules,
)

__all__ = [
    "DEFAULT_PRICES",
    "Fault",
    "FaultRule",
    "Latency",
    "Price",
    "Simulator",
    "SimulatorSettings",
    "fault_rules",
    "serve",
]
