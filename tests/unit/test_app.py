"""What a worker refuses to start with."""

from pathlib import Path

import pytest

from streamguard.app import Worker, check_routes, named_routes
from streamguard.config import BatchLane, Candidate, Config, Invoke, Kafka, ModerationEndpoint, OpenAIProvider, Policy
from streamguard.errors import ConfigError, InputError
from streamguard.prompts.registry import PromptBook
from streamguard.prompts.template import Template


@pytest.mark.parametrize("name", ["nonesuch", "support"])
def test_a_default_prompt_that_could_not_render_messages_is_refused(name: str, tmp_path: Path) -> None:
    """Every request with messages would be refused as `unknown_prompt`."""
    with pytest.raises(ConfigError, match=rf"policy.default_prompt: '{name}' is no prompt .* there is chat"):
        Worker(Config(policy=Policy(default_prompt=name)), ["guard"]).run(tmp_path)


def test_a_stage_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no stage 'gard'; there are admit, guard"):
        Worker(Config(), ["gard"]).run(tmp_path)


def test_without_a_route_no_model_could_be_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="routes: there is none"):
        Worker(Config(), ["invoke"]).run(tmp_path)


def test_a_route_that_a_prompt_names_must_be_there(tmp_path: Path) -> None:
    """Every request with that prompt would end as `providers_exhausted`."""
    provider = OpenAIProvider(name="openai", base_url="http://127.0.0.1:1")
    routes = {"default": (Candidate(provider="openai", model="gpt-4o"),)}

    with pytest.raises(ConfigError, match="routes: there is no 'economy', which the prompt classify/1 names"):
        Worker(Config(providers=(provider,), routes=routes), ["guard"]).run(tmp_path)


@pytest.mark.parametrize("direction", ["input", "output"])
@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("", r"{direction}\.remote\.guard: not among \[\[remote_checks\]\]; there are other"),
        ("timeout = 20.0", r"{direction}\.remote\.other\.timeout must be shorter than kafka\.deadline"),
    ],
)
def test_a_remote_check_that_could_not_work_is_refused(direction: str, rules: str, said: str, tmp_path: Path) -> None:
    name = "other" if rules else "guard"
    file = tmp_path / "policy.toml"
    file.write_text(f'version = "1"\n[{direction}.remote.{name}]\n{rules}\n')
    provider = OpenAIProvider(name="openai", base_url="http://127.0.0.1:1")
    candidates = (Candidate(provider="openai", model="gpt-4o"),)
    config = Config(
        providers=(provider,),
        routes={"default": candidates, "economy": candidates},
        policy=Policy(file=file),
        remote_checks=(ModerationEndpoint(kind="moderations", name="other", base_url="http://127.0.0.1:1"),),
        invoke=Invoke(timeout=9.0, batch=BatchLane(timeout=9.0)),
        kafka=Kafka(deadline=10.0),
    )

    with pytest.raises(ConfigError, match=said.format(direction=direction)):
        Worker(config, ["guard" if direction == "input" else "verify"]).run(tmp_path)


def test_a_prompt_that_leaves_the_choice_needs_a_tier_to_choose_from() -> None:
    """Every request with it would end as `providers_exhausted`."""
    prompts = PromptBook([Template(name="any", version=1, route="auto", system="Help.", max_output_tokens=9)])
    provider = OpenAIProvider(name="openai", base_url="http://127.0.0.1:1")
    small, large = (Candidate(provider="openai", model=name) for name in ("small", "large"))
    one = Config(providers=(provider,), routes={"default": (large,)})
    both = Config(providers=(provider,), routes={"flagship": (large,), "economy": (small,)})

    with pytest.raises(ConfigError, match=r"none of routing\.tiers for 'auto', which the prompt any/1 names"):
        check_routes(prompts, named_routes(one))
    check_routes(prompts, named_routes(both))
    assert named_routes(both)["auto"] == (small, large)
