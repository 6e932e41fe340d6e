"""`streamguard` with a trap in it: `python -m tests.support.trapped TRAP ARGUMENTS`.

While the file TRAP exists, the process freezes the next time it asks to join a group (`tests.support.toy.FreezeWhenJoining`).
"""

import logging
import sys
from pathlib import Path

from streamguard.cli import main
from tests.support.toy import FreezeWhenJoining

if __name__ == "__main__":
    coordinator = logging.getLogger("aiokafka.consumer.group_coordinator")
    coordinator.setLevel(logging.INFO)
    coordinator.propagate = False
    coordinator.addHandler(FreezeWhenJoining(Path(sys.argv[1])))
    sys.argv = ["streamguard", *sys.argv[2:]]
    main()
