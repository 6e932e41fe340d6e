"""The intake of a stage: at least once, nothing published twice, in order per key, bounded. It knows bytes only."""

from streamguard.intake.contract import Bury, Output, Ownership, Received, StepFunction
from streamguard.intake.intake import Intake
from streamguard.intake.settings import Settings
from streamguard.intake.statistics import Statistics

__all__ = ["Bury", "Intake", "Output", "Ownership", "Received", "Settings", "Statistics", "StepFunction"]
