"""Wiring: from a configuration to a running worker. The only place that knows all rooms."""

import asyncio
import hmac
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

from streamguard import metrics
from streamguard.analytics.prices import GenaiPrices
from streamguard.answers.provenance import Signer
from streamguard.cache.exact import ExactCache
from streamguard.checks.chain import Chains, InputChain, OutputChain, content_key
from streamguard.checks.contract import Direction
from streamguard.checks.policy import InvalidPolicy
from streamguard.checks.policy import load as load_policy
from streamguard.checks.text.tokens import count_tokens
from streamguard.clock import Clock, SystemClock
from streamguard.config import AUTO, Candidate, Cluster, Config, StaticProvider
from streamguard.errors import ConfigError, InputError
from streamguard.intake.contract import Ownership, StepFunction
from streamguard.intake.intake import Intake
from streamguard.intake.settings import Settings
from streamguard.prompts.registry import PromptBook
from streamguard.providers.breakers import Breakers
from streamguard.providers.budget import RetryBudgets
from streamguard.providers.building import build_providers
from streamguard.providers.candidate import Leave
from streamguard.providers.invoker import Fleet, Invoker
from streamguard.providers.prices import ConfiguredPrices
from streamguard.providers.remote_model import HttpRemoteModel
from streamguard.providers.routing import Router
from streamguard.providers.turns import Turns
from streamguard.resources import resource_dir
from streamguard.stages.admit import Admit
from streamguard.stages.cancelling import Cancellations
from streamguard.stages.contract import Stage
from streamguard.stages.ending import Ending
from streamguard.stages.guard import Guard
from streamguard.stages.invoke import Invoke
from streamguard.stages.lookup import Lookup
from streamguard.stages.second_opinion import SecondOpinion
from streamguard.stages.settle import Settle
from streamguard.stages.showing import Showings
from streamguard.stages.verify import Verify
from streamguard.stages.watch import Watch
from streamguard.stream.breaker_feed import BreakerFeed
from streamguard.stream.cache_feed import CacheFeed
from streamguard.stream.cancel_feed import CancelFeed
from streamguard.stream.chunk_writer import KafkaChunks
from streamguard.stream.flow import FLOW, Route, group_name
from streamguard.stream.health import Health
from streamguard.stream.hosting import Background, HostedStage, run_worker
from streamguard.stream.journal import AdmissionJournal
from streamguard.stream.needs import worker_needs
from streamguard.stream.passage import passable, passage, within
from streamguard.stream.stage_step import Failing, StageStep
from streamguard.stream.topic_check import TopicCheck, look_at
from streamguard.stream.topics import Topics

log = logging.getLogger(__name__)

STAGES = tuple(FLOW)
"""The names of the intakes, in the order of the flow: the stages, and `invoke_batch`, which is invoke for the lane batch."""


@dataclass(frozen=True, slots=True)
class _Built:
    """A stage with what it needs around it."""

    stage: Stage[Any]
    failing: Failing | None
    background: Sequence[Background] = ()
    ownership: Ownership | None = None


@dataclass(frozen=True)
class Worker:
    """One worker process: its configuration, which stages it runs, and its number among the processes of its instance."""

    config: Config
    stages: Sequence[str]
    number: int = 0
    clock: Clock = field(default_factory=SystemClock)

    @property
    def name(self) -> str:
        """Unique in the cluster as long as `worker.instance` is: the supervisor gives each process its own number."""
        return f"{self.config.worker.instance}-{self.number}"

    @cached_property
    def cluster(self) -> Cluster:
        """How all of its clients reach Kafka, with one TLS context. Raises `ConfigError`."""
        return self.config.kafka.cluster()

    def run(self, datadir: Path) -> int:
        """Run until told to stop; blocks, and returns the exit status.

        Raises `InputError` for an unknown stage and `ConfigError` for a configuration that cannot work.
        """
        unknown = [stage for stage in self.stages if stage not in FLOW]
        if unknown:
            raise InputError(f"there is no stage {unknown[0]!r}; there are {', '.join(STAGES)}")
        topics = Topics.load(self.config.kafka.prefix)
        hosted: list[HostedStage] = []
        background: list[Background] = []
        kafka = self.config.kafka
        look = look_at(self.cluster, {topics.full(topic.name) for topic in topics}, worker_needs(topics, self.stages))
        check = TopicCheck(
            look, topics, self.stages, partitions=kafka.partitions, wait=kafka.topics_wait, clock=self.clock
        )
        health = Health(self.stages, self.clock)
        builder = _Builder(self.config, self.cluster, topics, self.clock, check, self.name)
        for name in self.stages:
            built = builder.build(FLOW[name])
            hosted.append(self._host(FLOW[name], topics, built, check, health))
            background += built.background
        beating: list[asyncio.Task[None]] = []

        async def before() -> None:
            beating.append(asyncio.create_task(health.beat()))
            self._serve(health)
            await check()

        return run_worker(
            self.name,
            hosted,
            datadir=datadir,
            background=background,
            before=before,
            on_start=lambda: log.info("metrics served", extra={"address": health.address}) if health.address else None,
        )

    def _host(self, route: Route, topics: Topics, built: _Built, check: TopicCheck, health: Health) -> HostedStage:
        step = StageStep(route.stage, route.source, built.stage, topics, built.failing)
        own: list[Intake] = []

        def intake(through: StepFunction) -> Intake:
            built_intake = Intake(
                self._settings(route, check.partitions, open_sources="services" in topics[route.source].written_by),
                sources=[topics.full(route.source)],
                targets=[topics.full(name) for name in route.targets],
                rekeyed=[topics.full(name) for name in route.rekeyed],
                step=through,
                bury=step.bury,
                ownership=built.ownership,
                pipelined=route.pipelined,
            )
            own[:] = [built_intake]
            health.watch(route.name, built_intake)
            statistics = built_intake.statistics
            metrics.STAGE_LAG_RECORDS.labels(route.name).set_function(lambda: statistics.lag)
            return built_intake

        return HostedStage(route.name, intake, within(lambda: own[0], step))

    def _settings(self, route: Route, partitions: int, *, open_sources: bool) -> Settings:
        kafka = self.config.kafka
        return Settings(
            cluster=self.cluster,
            group=group_name(kafka.prefix, route.name),
            instance=f"{self.name}-{route.name}",
            lock_dir=self.config.worker.lock_dir,
            partitions=partitions,
            grown=kafka.partitions is not None,
            topics_wait=kafka.topics_wait,
            session=kafka.session,
            cap=self.config.invoke.batch.in_flight if route.name == "invoke_batch" else kafka.in_flight,
            span=kafka.span,
            key_queue=kafka.key_queue,
            fetch_wait_ms=max(1, round(kafka.fetch_wait * 1000)),
            deadline=kafka.deadline,
            grace=kafka.grace,
            stall=kafka.stall,
            buried_limit=kafka.dead_letters_per_minute,
            open_sources=open_sources,
        )

    def _serve(self, health: Health) -> None:
        port = self.config.worker.metrics_port
        if port is not None:
            health.serve(port + self.number if port else 0, self.config.worker.metrics_host)


class _Builder:
    """Builds each stage; one method a stage, named like it."""

    def __init__(
        self, config: Config, cluster: Cluster, topics: Topics, clock: Clock, check: TopicCheck, name: str
    ) -> None:
        self._config = config
        self._cluster = cluster
        self._check = check
        self._topics = topics
        self._clock = clock
        self._key = config.policy.secret().get_secret_value().encode()
        signer = Signer(config.policy.key_id, hmac.digest(self._key, b"streamguard/provenance", "sha256"))
        self._policy = load_policy(config.policy.file)
        self._hash_key = content_key(self._key)
        self._ending = Ending(signer, self._policy.stamp, clock)
        self._name = name
        self._built: dict[str, _Built] = {}

    @cached_property
    def _prices(self) -> GenaiPrices:
        return GenaiPrices()

    @cached_property
    def _router(self) -> Router:
        local = frozenset(one.name for one in self._config.providers if one.local)
        return Router(self._config.routes, self._config.routing, local=local, windows=self._prices.window)

    @property
    def _candidates(self) -> tuple[Candidate, ...]:
        return tuple(candidate for route in self._config.routes.values() for candidate in route)

    def build(self, route: Route) -> _Built:
        """The stage that works at an intake. One that works at two is built once, and its background comes with the first:
        connections, breakers, budgets and turns are shared."""
        if (built := self._built.get(route.stage)) is not None:
            return replace(built, background=())
        built = self._built[route.stage] = getattr(self, route.stage)()
        return built

    def admit(self) -> _Built:
        config = self._config
        journal = AdmissionJournal(
            self._cluster,
            self._topics.full("admission-journal"),
            self._topics.full("requests"),
            config.limits,
            lambda: self._check.partitions,
        )
        calls = config.invoke.retries + config.invoke.reasks + max(self._router.longest, 1)
        stage = Admit(config.limits, journal, journal.partition_of, self._clock, calls)
        return _Built(stage, stage.failed, (journal,), journal)

    def guard(self) -> _Built:
        config = self._config
        prompts = PromptBook.load(resource_dir("prompts"))
        named = [one for one in prompts.templates if one.name == config.policy.default_prompt]
        default = max(named, key=lambda one: one.version, default=None)
        if default is None or default.user is not None:
            takers = sorted({one.name for one in prompts.templates if one.user is None})
            raise ConfigError(
                f"policy.default_prompt: {config.policy.default_prompt!r} is no prompt that takes messages; "
                f"there is {', '.join(takers)}"
            )
        routes = named_routes(config)
        check_routes(prompts, routes)
        known = {template.name for template in prompts.templates}
        if strangers := sorted(self._policy.prompts.keys() - known):
            raise InvalidPolicy(
                f"policy: prompts.{strangers[0]}: there is no such prompt; there are {', '.join(sorted(known))}"
            )
        opinion, connections = self._opinion("input")
        stage = Guard(
            chains=Chains(InputChain, self._policy, self._hash_key),
            prompts=prompts,
            default_prompt=config.policy.default_prompt,
            routes=routes,
            key=self._key,
            ending=self._ending,
            clock=self._clock,
            opinion=opinion,
        )
        return _Built(stage, self._failing("guard"), (connections,))

    def lookup(self) -> _Built:
        settings = self._config.cache
        cache = ExactCache(settings.max_entries, settings.max_bytes)
        feed = CacheFeed(self._cluster, self._topics.full("cache-entries"), cache, self._clock)
        return _Built(Lookup(cache, self._clock), self._failing("lookup"), (feed,))

    def invoke(self) -> _Built:
        config = self._config
        if not config.routes:
            raise ConfigError("routes: there is none, so no model could be asked; name one with its candidates")
        cluster, clock, topics = self._cluster, self._clock, self._topics
        providers = build_providers(config.providers, clock)
        static = frozenset(one.name for one in config.providers if isinstance(one, StaticProvider))
        places = {one.name: one.max_concurrency for one in config.providers}
        fleet = Fleet(
            Breakers(config.breaker, clock, worker=f"{self._name}/{clock.now_us()}"),
            RetryBudgets(config.invoke.budget, clock),
            Turns(config.invoke.concurrency, config.invoke.batch, clock, places.__getitem__),
        )
        invoker = Invoker(
            router=self._router,
            providers=providers,
            prices=ConfiguredPrices(self._prices, self._candidates, free=static),
            fleet=fleet,
            clock=clock,
            rng=random.Random(),
            settings=config.invoke,
            count=count_tokens,
            static=static,
            leave=Leave(passage, passable),
        )
        chunks = KafkaChunks(cluster, topics.full("response-chunks"), clock)
        cancellations = Cancellations(clock)
        background = (
            _closing(providers.values()),
            chunks,
            BreakerFeed(cluster, topics.full("breakers"), fleet.breakers, clock),
            CancelFeed(cluster, topics.full("cancellations"), cancellations, clock),
        )
        showings = Showings(Chains(OutputChain, self._policy, self._hash_key), chunks, clock)
        return _Built(Invoke(invoker, showings, cancellations, clock), self._failing("invoke"), background)

    def verify(self) -> _Built:
        chains = Chains(OutputChain, self._policy, self._hash_key)
        opinion, connections = self._opinion("output")
        return _Built(Verify(chains, self._ending, self._clock, opinion), self._failing("verify"), (connections,))

    def settle(self) -> _Built:
        config = self._config
        stage = Settle(config.privacy.payloads, round(config.cache.ttl_seconds * 1e6), self._clock)
        return _Built(stage, None)

    def _opinion(self, direction: Direction) -> tuple[SecondOpinion, Background]:
        models = {
            settings.name: HttpRemoteModel(settings, clock=self._clock) for settings in self._config.remote_checks
        }
        opinion = SecondOpinion(direction, self._policy, models, self._clock)
        seconds, key = opinion.longest
        if seconds >= self._config.kafka.deadline:
            raise InvalidPolicy(f"policy: {key} must be shorter than kafka.deadline, which ends the step around it")
        return opinion, _closing(models.values())

    def _failing(self, stage: Any) -> Callable[[Any], Any]:
        return lambda event: self._ending.failed(event, Watch(stage, self._clock))


def named_routes(config: Config) -> Mapping[str, tuple[Candidate, ...]]:
    """What a prompt can name, with who may answer then: of `auto` everybody of the tiers that are configured."""
    tiers = [config.routes[tier] for tier in config.routing.tiers if tier in config.routes]
    return {**config.routes, **({AUTO: tuple(one for tier in tiers for one in tier)} if tiers else {})}


def check_routes(prompts: PromptBook, routes: Mapping[str, object]) -> None:
    """Raise `ConfigError` for a prompt whose route is not there: all its requests would end as `providers_exhausted`."""
    if not routes:
        raise ConfigError(
            "routes: no model is named; put [[providers]] and [[routes.default]] into a file that --config or STREAMGUARD_CONFIG "
            "names (`streamguard config example` prints one)"
        )
    for template in prompts.templates:
        if template.route not in routes:
            there = f"is no {template.route!r}" if template.route != AUTO else "are none of routing.tiers for 'auto'"
            raise ConfigError(f"routes: there {there}, which the prompt {template.name}/{template.version} names")


def trial(config: Config) -> Mapping[str, Callable[[], object]]:
    """What builds each stage, by its name, without a network: called, it raises what would keep a worker from starting."""
    cluster, topics, clock = config.kafka.cluster(), Topics.load(config.kafka.prefix), SystemClock()
    check = TopicCheck(look_at(cluster, ()), topics, STAGES, partitions=None, wait=0.0, clock=clock)
    builder = _Builder(config, cluster, topics, clock, check, config.worker.instance)
    return {name: partial(builder.build, FLOW[name]) for name in STAGES}


class _Closable(Protocol):
    async def aclose(self) -> None: ...


def _closing(pools: Iterable[_Closable]) -> Background:
    """Closes connections when the worker ends."""

    async def connections(ready: asyncio.Event, stop: asyncio.Event) -> None:
        ready.set()
        await stop.wait()
        await asyncio.gather(*(pool.aclose() for pool in pools))

    return connections
