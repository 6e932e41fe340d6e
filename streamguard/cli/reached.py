"""Whether a command reaches Kafka, and may do there what it is for: told in one line before anything else is done."""

from aiokafka.errors import KafkaError

from streamguard.cli.addresses import where_named
from streamguard.config import Kafka
from streamguard.errors import InputError
from streamguard.intake.reaching import reachable
from streamguard.intake.rights import Rights


async def must_reach(kafka: Kafka, needs: Rights) -> None:
    """Raises InputError when nobody answers, and Refusal for whatever waiting does not mend."""
    try:
        await reachable(kafka.cluster(), needs)
    except (KafkaError, OSError) as error:
        raise InputError(
            f"no broker answers at {kafka.brokers} ({type(error).__name__}); {where_named(kafka, 'brokers')}"
        ) from None
