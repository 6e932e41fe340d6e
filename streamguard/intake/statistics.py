"""Counters of an intake, for metrics and tests."""

from dataclasses import dataclass


@dataclass(slots=True)
class Statistics:
    """Counters only grow, except `last_scan_ms` and those behind it, which tell the present state."""

    delivered: int = 0
    done: int = 0
    suppressed: int = 0
    """Inputs that needed no run because all their outputs existed."""
    resumed: int = 0
    """Inputs that ran although some of their outputs existed."""
    buried: int = 0
    sent: int = 0
    """Outputs acknowledged by the broker."""
    fenced: int = 0
    """Times that unacknowledged outputs went back to wait at the gate."""
    assignments: int = 0
    commits: int = 0
    refused_commits: int = 0
    scans: int = 0
    scanned_records: int = 0
    last_scan_ms: int = 0
    in_flight: int = 0
    span: int = 0
    """The largest distance of all partitions between what is committed and what is delivered."""
    lag: int = 0
    """How far what may be committed is behind the ends of the input partitions, of all together, as of some seconds ago."""
