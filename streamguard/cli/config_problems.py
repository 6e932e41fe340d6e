"""What is wrong with a configuration whose keys are right: all of it, as far as it shows without a network."""

from collections.abc import Callable

from streamguard.app import trial
from streamguard.checks.policy import load as load_policy
from streamguard.clock import SystemClock
from streamguard.config import Config, Kafka, Keyed, Policy
from streamguard.errors import Refusal
from streamguard.intake.reaching import addresses
from streamguard.providers.building import build_providers
from streamguard.providers.remote_model import HttpRemoteModel

NO_KEY = {"api_key_env": None, "api_key_file": None}


def problems(config: Config) -> list[str]:
    """What would keep workers and the sink from starting, each in a line. Reads secrets, certificates, the policy, and what comes
    along.

    A part that is found wrong is replaced by one that works, so that those built of it can be looked at too.
    """
    found: dict[str, None] = {}

    def works(part: Callable[[], object], where: str = "") -> bool:
        try:
            part()
        except Refusal as error:
            key = str(error).split(":")[0]
            found[str(error) if key.startswith(where) else f"{where}: {error}"] = None
            return False
        return True

    kafka, policy, clock = config.kafka, config.policy, SystemClock()
    if not all([works(reading, "kafka") for reading in kafka.readings()]):
        kafka = Kafka(deadline=kafka.deadline, prefix=kafka.prefix)
    works(lambda: addresses(kafka.brokers), "kafka")
    works(config.clickhouse.secret, "clickhouse")
    works(config.clickhouse.authorities, "clickhouse")
    if not works(policy.secret, "policy"):
        policy = policy.model_copy(update={"key": Policy().key, "key_env": None, "key_file": None})
    if not works(lambda: load_policy(policy.file)):
        policy = policy.model_copy(update={"file": None})
    providers = [
        one.model_copy(update=NO_KEY)
        if isinstance(one, Keyed) and not works(one.key, f"provider {one.name!r}")
        else one
        for one in config.providers
    ]
    remotes = [
        one.model_copy(update=NO_KEY) if not works(one.key, f"remote check {one.name!r}") else one
        for one in config.remote_checks
    ]
    for provider in providers:
        works(lambda provider=provider: build_providers([provider], clock))
    for remote in remotes:
        works(lambda remote=remote: HttpRemoteModel(remote, clock=clock))
    parts = {"kafka": kafka, "policy": policy, "providers": tuple(providers), "remote_checks": tuple(remotes)}
    for build in trial(config.model_copy(update=parts)).values():
        works(build)
    return list(found)
