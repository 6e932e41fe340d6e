"""A member whose group falls silent asks whether the cluster still lets it in: aiokafka would go on trying for ever."""

import logging

from aiokafka.errors import KafkaError

from streamguard.clock import Clock
from streamguard.intake.errors import KafkaRefuses, TurnedAway
from streamguard.intake.gate import Gate
from streamguard.intake.reaching import reachable
from streamguard.intake.settings import Settings

log = logging.getLogger(__name__)


class Admittance:
    """Watches one member."""

    def __init__(self, settings: Settings, gate: Gate, clock: Clock) -> None:
        self._settings, self._gate, self._clock = settings, gate, clock

    async def run(self) -> None:
        """For ever. When neither a heartbeat nor a commit was answered for a session, ask the cluster, once a session. Raises
        TurnedAway; brokers that are away are waited for."""
        asked = self._clock.monotonic()
        while True:
            await self._clock.sleep(self._settings.session / 2)
            if self._clock.monotonic() - max(asked, self._gate.heard_at) < self._settings.session:
                continue
            asked = self._clock.monotonic()
            try:
                await reachable(self._settings.cluster, clock=self._clock)
            except KafkaRefuses as error:
                raise TurnedAway(str(error)) from None
            except KafkaError as error:
                log.warning("the group is silent: %s", type(error).__name__)
