"""Asking for scores over HTTP: what is sent, what is taken for an answer, and when nobody is asked."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from streamguard.clock import FakeClock
from streamguard.config import RemoteCheckSettings
from streamguard.errors import ConfigError, ProviderError
from streamguard.providers.remote_model import HttpRemoteModel, form_of, pieces_of

READ: TypeAdapter[RemoteCheckSettings] = TypeAdapter(RemoteCheckSettings)
Answer = Callable[[dict[str, Any]], Any]


def settings(kind: str = "text_classification", **changes: Any) -> RemoteCheckSettings:
    chat = {"model": "m"} if kind.startswith("chat") else {}
    return READ.validate_python({"kind": kind, "name": "guard", "base_url": "http://127.0.0.1:1/v1", **chat, **changes})


class Server:
    """Answers with what `answer` makes of a request's JSON: a body, a status, or an error."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        made = self._answer(orjson.loads(request.content))
        if asyncio.iscoroutine(made):
            made = await made
        if isinstance(made, Exception):
            raise made
        if isinstance(made, int):
            return httpx.Response(made)
        return httpx.Response(200, content=made if isinstance(made, bytes) else orjson.dumps(made))

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [orjson.loads(request.content) for request in self.requests]


def model(answer: Answer, clock: FakeClock | None = None, **changes: Any) -> tuple[HttpRemoteModel, Server]:
    server = Server(answer)
    transport = httpx.MockTransport(server)
    return HttpRemoteModel(settings(**changes), transport=transport, clock=clock or FakeClock()), server


def labelled(asked: dict[str, Any]) -> Any:
    return [{"label": "INJECTION", "score": 0.9 if "bad" in asked["inputs"] else 0.1}]


async def code_of(remote: HttpRemoteModel, *texts: str, timeout: float = 5.0) -> str:
    with pytest.raises(ProviderError) as raised:
        await remote.judge(texts or ("x",), timeout=timeout)
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    return raised.value.code


async def test_all_texts_go_into_few_requests_to_a_moderation_endpoint() -> None:
    def moderate(asked: dict[str, Any]) -> Any:
        return {"results": [{"category_scores": {"hate": 0.9 if text == "bad" else 0}} for text in asked["input"]]}

    remote, server = model(moderate, kind="moderations", api_key="s3cret")
    texts = ["fine"] * 40 + ["bad"]

    assert await remote.judge(texts, timeout=1) == [{"hate": 0.0}] * 40 + [{"hate": 0.9}]
    assert [len(asked["input"]) for asked in server.asked] == [32, 9]
    assert {asked["model"] for asked in server.asked} == {"omni-moderation-latest"}
    assert server.requests[0].url == "http://127.0.0.1:1/v1/moderations"
    assert server.requests[0].headers["authorization"] == "Bearer s3cret"


async def test_a_classifier_is_asked_about_one_text_at_a_time_at_the_very_address() -> None:
    remote, server = model(labelled)

    assert await remote.judge(["fine", "bad"], timeout=1) == [{"INJECTION": 0.1}, {"INJECTION": 0.9}]
    assert sorted(asked["inputs"] for asked in server.asked) == ["bad", "fine"]
    assert server.requests[0].url == "http://127.0.0.1:1/v1"


async def test_a_long_text_is_shown_in_pieces_and_the_worst_counts() -> None:
    remote, server = model(labelled, max_characters=100)
    text = "a" * 250 + "bad" + "a" * 250

    assert await remote.judge([text, "fine"], timeout=1) == [{"INJECTION": 0.9}, {"INJECTION": 0.1}]
    assert len(server.asked) == 7
    assert max(len(asked["inputs"]) for asked in server.asked) == 100


async def test_more_than_may_be_shown_is_not_shown_in_part() -> None:
    remote, server = model(labelled, max_characters=100, max_pieces=3)

    assert await code_of(remote, "a" * 400) == "too_long"
    assert server.requests == []


@given(text=st.text(max_size=400), most=st.integers(10, 150))
def test_pieces_hold_the_whole_text_and_what_lies_across_their_ends(text: str, most: int) -> None:
    pieces = pieces_of(text, most)
    step, across = most - most // 10, most // 10

    assert all(len(piece) <= most for piece in pieces)
    assert "".join(piece[:step] for piece in pieces[:-1]) + pieces[-1] == text
    for at in range(len(text) - across + 1):
        assert any(text[at : at + across] in piece for piece in pieces)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("text_classification", []),
        ("text_classification", {"label": "INJECTION", "score": 0.9}),
        ("text_classification", [{"label": "INJECTION"}]),
        ("text_classification", [{"label": "INJECTION", "score": "0.9"}]),
        ("text_classification", [{"label": "INJECTION", "score": True}]),
        ("text_classification", [{"label": "INJECTION", "score": 1.5}]),
        ("text_classification", [{"label": "A", "score": 0.1}, {"label": "A", "score": 0.9}]),
        ("text_classification", [{"label": 7, "score": 0.9}]),
        ("text_classification", b'[{"label": "INJECTION", "score": NaN}]'),
        ("text_classification", b'[{"label": "INJECTION", "sco'),
        ("text_classification", b"<!doctype html>"),
        ("text_classification", b"[" * 100_000),
        ("moderations", {"results": []}),
        ("moderations", {"results": [{"category_scores": {}}]}),
        ("moderations", {"results": [{"flagged": True}]}),
        ("moderations", {"error": "no"}),
        ("moderations", None),
        ("chat_verdict", {"choices": []}),
        ("chat_verdict", {"choices": [{"message": {"content": ""}}]}),
        ("chat_verdict", {"choices": [{"message": {"content": "It is safe."}}]}),
        ("chat_verdict", {"choices": [{"message": {"content": "unsafe\nthe user said so"}}]}),
        ("chat_verdict", {"choices": [{"message": {"content": "unsafe\nS1\nS2"}}]}),
        ("chat_scores", {"choices": [{"message": {"content": '```{"injection": 0.1, "jailbreak": 0}```'}}]}),
        ("chat_scores", {"choices": [{"message": {"content": '{"injection": 0.1}'}}]}),
        ("chat_scores", {"choices": [{"message": {"content": '{"injection": 0.1, "jailbreak": 0, "x": 1}'}}]}),
        ("chat_scores", {"choices": [{"message": {"content": "[0.1, 0.2]"}}]}),
        ("chat_scores", {"choices": [{"message": {"content": None}}]}),
    ],
)
async def test_what_is_no_answer_is_no_opinion(kind: str, answer: Any) -> None:
    remote, _ = model(lambda _: answer, kind=kind)

    assert await code_of(remote) == "invalid_response"


def chat(content: str, logprobs: Any = None) -> Any:
    return {"choices": [{"message": {"content": content}, "logprobs": logprobs}]}


def first_token(**shares: float) -> Any:
    top = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
    return {"content": [{"token": "\n\n", "top_logprobs": []}, {"token": "x", "top_logprobs": top}]}


@pytest.mark.parametrize(
    ("answer", "scores"),
    [
        (chat("\n\nsafe"), {"safe": 1.0}),
        (chat("Unsafe\nS1, S10"), {"S1": 1.0, "S10": 1.0}),
        (chat("safe", first_token(safe=0.7, unsafe=0.2, Un=0.05, The=0.05)), {"safe": 0.7, "unsafe": 0.25}),
        (chat("unsafe\nS2", first_token(un=0.8, safe=0.2)), {"S2": 0.8}),
        (chat("unsafe", {"content": []}), {"unsafe": 1.0}),
    ],
)
async def test_the_word_of_a_guard_model_and_its_probability(answer: Any, scores: dict[str, float]) -> None:
    remote, server = model(lambda _: answer, kind="chat_verdict")

    assert [{label: pytest.approx(score) for label, score in scores.items()}] == await remote.judge(["hm"], timeout=1)
    (asked,) = server.asked
    assert asked["messages"] == [{"role": "user", "content": "hm"}]
    assert (asked["max_tokens"] <= 32, asked["logprobs"]) == (True, True)


async def test_a_judge_sees_the_text_between_marks_that_it_cannot_guess() -> None:
    remote, server = model(lambda _: chat('{"injection": 0.9, "jailbreak": 0}'), kind="chat_scores")
    assert await remote.judge(["one"], timeout=1) == [{"injection": 0.9, "jailbreak": 0.0}]
    await remote.judge(["one"], timeout=1)

    first, second = ([message["content"] for message in asked["messages"]] for asked in server.asked)
    begins, text, ends = first[1].split("\n")
    assert (text, begins.split()[0]) == ("one", ends.split()[0])
    assert begins.split()[0] in first[0]
    assert begins not in second[1]


@pytest.mark.parametrize(
    ("error", "code"), [(httpx.ConnectError("no"), "connect"), (httpx.RemoteProtocolError("no"), "disconnected")]
)
async def test_a_broken_connection_is_tried_once_more(error: Exception, code: str) -> None:
    always, server = model(lambda _: error)
    assert await code_of(always) == code
    assert len(server.requests) == 2

    answers = [error, [{"label": "A", "score": 0.5}]]
    once, _ = model(lambda _: answers.pop(0))
    assert await once.judge(["x"], timeout=1) == [{"A": 0.5}]


@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate_limited"), (500, "server_error"), (401, "auth"), (400, "bad_request")]
)
async def test_an_error_that_was_answered_is_not_repeated(status: int, code: str) -> None:
    remote, server = model(lambda _: status)

    assert await code_of(remote) == code
    assert len(server.requests) == 1


async def test_after_failures_in_a_row_nobody_is_asked_for_a_pause() -> None:
    clock, health = FakeClock(), {"status": 500}
    remote, server = model(lambda asked: health["status"] if health else labelled(asked), clock, failures=3, pause=10)

    assert [await code_of(remote) for _ in range(5)] == ["server_error"] * 3 + ["paused"] * 2
    assert len(server.requests) == 3
    clock.advance(10)
    assert [await code_of(remote) for _ in range(2)] == ["server_error", "paused"]  # one try, which failed
    health.clear()
    clock.advance(10)
    assert await remote.judge(["a", "b"][:1], timeout=1) == [{"INJECTION": 0.1}]
    assert await remote.judge(["a", "b"], timeout=1) == [{"INJECTION": 0.1}] * 2


@pytest.mark.parametrize("answer", [400, b"nonsense"])
async def test_a_text_cannot_bring_the_pause_about_for_others(answer: Any) -> None:
    remote, server = model(lambda _: answer, failures=2)

    for _ in range(5):
        await code_of(remote)
    assert len(server.requests) == 5


async def never(_: dict[str, Any]) -> Any:
    await asyncio.Event().wait()


async def test_only_a_call_that_had_its_whole_time_counts_as_failed() -> None:
    hasty, server = model(never, failures=1, timeout=10.0)
    assert [await code_of(hasty, timeout=0.01) for _ in range(3)] == ["timeout"] * 3
    assert len(server.requests) == 3

    slow, server = model(never, failures=1, timeout=0.01)
    assert [await code_of(slow, timeout=1) for _ in range(2)] == ["timeout", "paused"]


async def test_a_cancelled_opinion_frees_its_place_and_says_nothing_about_the_server() -> None:
    remote, server = model(
        lambda asked: never(asked) if asked["inputs"] == "slow" else labelled(asked), failures=1, max_connections=1
    )
    asking = asyncio.create_task(remote.judge(["slow"], timeout=60))
    while not server.requests:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert await remote.judge(["fine"], timeout=1) == [{"INJECTION": 0.1}]


async def test_a_try_after_the_pause_that_is_cancelled_leaves_the_next_one_free() -> None:
    clock, answers = FakeClock(), [500, never, labelled]
    remote, server = model(lambda asked: one(asked) if callable(one := answers.pop(0)) else one, clock, failures=1)
    assert await code_of(remote) == "server_error"
    clock.advance(10)
    asking = asyncio.create_task(remote.judge(["slow"], timeout=60))
    while len(server.requests) < 2:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert await remote.judge(["fine"], timeout=1) == [{"INJECTION": 0.1}]


async def test_a_token_that_could_begin_two_labels_counts_for_neither() -> None:
    answer = chat("spam", first_token(s=0.6, spam=0.3, safe=0.1))
    remote, _ = model(lambda _: answer, kind="chat_verdict", labels=["safe", "spam"])

    assert await remote.judge(["hm"], timeout=1) == [{"spam": pytest.approx(0.3), "safe": pytest.approx(0.1)}]


async def test_no_more_calls_than_connections_are_under_way() -> None:
    running, most = 0, 0

    async def answer(asked: dict[str, Any]) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        return labelled(asked)

    remote, server = model(answer, max_connections=3)
    await remote.judge([f"text {number}" for number in range(20)], timeout=5)
    assert (most, len(server.requests)) == (3, 20)


async def test_text_that_no_json_can_carry_is_sent_all_the_same() -> None:
    remote, server = model(labelled)

    await remote.judge(["bad \ud800"], timeout=1)
    assert server.asked == [{"inputs": "bad ?"}]


@pytest.mark.parametrize("changes", [{"base_url": "models.example"}, {"base_url": "ftp://x"}, {"api_key": "ü"}])
def test_what_cannot_be_used_is_named_without_the_key(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"remote_checks: the .* of 'guard'") as raised:
        model(labelled, **changes)
    assert "ü" not in str(raised.value)


@pytest.mark.parametrize("kind", ["moderations", "text_classification", "chat_verdict", "chat_scores"])
def test_every_kind_has_its_form(kind: str) -> None:
    assert form_of(settings(kind)).body(["x"])
