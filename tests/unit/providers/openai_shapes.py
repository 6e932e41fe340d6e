"""What OpenAI and those who speak its chat completions send, after their documentation and recordings."""

from typing import Any

import orjson

from streamguard.events.request import FunctionCall, ToolCall
from streamguard.events.usage import Usage
from streamguard.providers.contract import ChatAnswer, RateLimit
from streamguard.providers.errors import (
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ServerFailed,
    StreamBroken,
)
from tests.unit.providers.wire import JSON, Shape, events

USAGE = {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}
READ = Usage(input_tokens=19, output_tokens=10)
AZURE = {
    "kind": "openai",
    "name": "azure.ai.openai",
    "base_url": "https://res.openai.azure.com/openai/deployments/gpt-4o",
    "key_header": "api-key",
    "query": {"api-version": "2024-10-21"},
}
_FILTERS = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk as OpenAI writes it."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1694268190,
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": choices,
        **more,
    }


def completion(message: dict[str, Any], finish: str = "stop", **more: Any) -> bytes:
    """A whole answer as OpenAI writes it."""
    return orjson.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1741569952,
            "model": "gpt-4o-2024-08-06",
            "choices": [
                {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
            ],
            "usage": USAGE,
            **more,
        }
    )


def answer(
    text: str,
    usage: Usage | None = READ,
    finish: str | None = "stop",
    tool_calls: tuple[ToolCall, ...] = (),
    rate: RateLimit | None = None,
) -> ChatAnswer:
    """What it must become."""
    return ChatAnswer(text, usage, finish, "chatcmpl-1", "gpt-4o-2024-08-06", tool_calls, rate)


def called(call_id: str, name: str, arguments: str) -> ToolCall:
    return ToolCall(id=call_id, function=FunctionCall(name=name, arguments=arguments))


START = chunk({"role": "assistant", "content": "", "refusal": None}, usage=None)
HELLO = (START, chunk({"content": "Grüße, "}, usage=None), chunk({"content": "Welt 👋"}, usage=None))
STOP = chunk({}, "stop", usage=None)
TEXT = "Grüße, Welt 👋"

WHOLE = [
    Shape(
        "openai",
        completion({"content": TEXT, "refusal": None, "annotations": []}),
        answer(TEXT, rate=RateLimit(9999, 0.006, 149984, 90.5)),
        headers={
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-reset-tokens": "1m30.5s",
        },
    ),
    Shape(
        "openai reasoning and cache",
        completion(
            {"content": TEXT},
            usage={
                "prompt_tokens": 2006,
                "completion_tokens": 300,
                "total_tokens": 2306,
                "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 256, "accepted_prediction_tokens": 0},
            },
        ),
        answer(TEXT, Usage(input_tokens=2006, output_tokens=300, cache_read_tokens=1920, reasoning_tokens=256)),
    ),
    Shape(
        "openai tools",
        completion(
            {
                "content": None,
                "tool_calls": [
                    {"id": "call_a", "type": "function", "function": {"name": "track", "arguments": '{"id":"7"}'}},
                    {"id": "call_b", "type": "function", "function": {"name": "refund", "arguments": "{}"}},
                ],
            },
            "tool_calls",
        ),
        answer(
            "",
            finish="tool_calls",
            tool_calls=(called("call_a", "track", '{"id":"7"}'), called("call_b", "refund", "{}")),
        ),
    ),
    Shape("openai refusal", completion({"content": None, "refusal": "I cannot."}), answer("I cannot.")),
    Shape("openai cut at its cap", completion({"content": "Grü"}, "length"), answer("Grü", finish="length")),
    Shape("nothing said", completion({"content": ""}), EmptyAnswer(status=200, usage=READ, finish_reason="stop")),
    Shape(
        "azure",
        completion(
            {"content": TEXT},
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": _FILTERS}],
        ),
        answer(TEXT, rate=RateLimit(requests_left=99, tokens_left=9000)),
        headers={"x-ratelimit-remaining-requests": "99", "x-ratelimit-remaining-tokens": "9000"},
        settings=AZURE,
    ),
    Shape(
        "groq",
        completion({"content": TEXT}, x_groq={"id": "req_01"}, usage={**USAGE, "queue_time": 0.1, "total_time": 0.5}),
        answer(TEXT, rate=RateLimit(14370, 179.56, 17997, 7.66)),
        headers={
            "x-ratelimit-remaining-requests": "14370",
            "x-ratelimit-reset-requests": "2m59.56s",
            "x-ratelimit-remaining-tokens": "17997",
            "x-ratelimit-reset-tokens": "7.66s",
        },
    ),
    Shape(
        "mistral reasoning, at its model's end",
        completion(
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
                    {"type": "text", "text": TEXT},
                ]
            },
            "model_length",
        ),
        answer(TEXT, finish="length"),
    ),
    Shape(
        "vllm reasoning",
        completion({"content": TEXT, "reasoning_content": "Hm.", "tool_calls": []}, prompt_logprobs=None),
        answer(TEXT),
    ),
    Shape(
        "ollama tool without names",
        completion(
            {"content": "", "tool_calls": [{"id": "", "function": {"name": "track", "arguments": {"id": 7}}}]},
            "tool_calls",
        ),
        answer("", finish="tool_calls", tool_calls=(called("call_0", "track", '{"id":7}'),)),
    ),
    Shape(
        "deepseek",
        completion(
            {"content": TEXT, "reasoning_content": "Hm."},
            usage={
                "prompt_tokens": 100,
                "completion_tokens": 60,
                "total_tokens": 160,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
                "completion_tokens_details": {"reasoning_tokens": 50},
            },
        ),
        answer(TEXT, Usage(input_tokens=100, output_tokens=60, cache_read_tokens=64, reasoning_tokens=50)),
    ),
    Shape(
        "deepseek out of resources",
        completion({"content": "Grü"}, "insufficient_system_resource"),
        InvalidResponse(status=200),
    ),
    Shape(
        "xai counts reasoning apart",
        completion(
            {"content": TEXT},
            usage={
                "prompt_tokens": 31,
                "completion_tokens": 9,
                "total_tokens": 240,
                "completion_tokens_details": {"reasoning_tokens": 200},
            },
        ),
        answer(TEXT, Usage(input_tokens=31, output_tokens=209, reasoning_tokens=200)),
    ),
    Shape(
        "openrouter error under 200",
        b'{"error":{"message":"Provider returned error","code":429,"metadata":{}},"user_id":"u"}',
        RateLimited(status=200),
    ),
    Shape(
        "an error under 200 of no known code",
        b'{"error":{"message":"what the user said"}}',
        InvalidResponse(status=200),
    ),
    Shape("html", b"<html>502</html>", InvalidResponse(status=200), headers={"content-type": "text/html"}),
    Shape("no body", b"", InvalidResponse(status=200)),
    Shape(
        "rate limited",
        b'{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}',
        RateLimited(status=429, retry_after=1.5, rate=RateLimit(0, 60.0, 12, 0.021)),
        status=429,
        headers={
            "retry-after-ms": "1500",
            "retry-after": "2",
            "x-should-retry": "false",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "1m0s",
            "x-ratelimit-remaining-tokens": "12",
            "x-ratelimit-reset-tokens": "21ms",
        },
    ),
    Shape(
        "no money left",
        b'{"error":{"message":"You exceeded your quota","type":"insufficient_quota","code":"insufficient_quota"}}',
        NotAuthorized(status=429),
        status=429,
    ),
    Shape(
        "deepseek: no money left",
        b'{"error":{"message":"Insufficient Balance"}}',
        NotAuthorized(status=402),
        status=402,
    ),
    Shape(
        "too long for the model",
        b'{"error":{"message":"maximum context length is 8192","type":"invalid_request_error","code":"context_length_exceeded"}}',
        Refused(status=400),
        status=400,
    ),
    Shape(
        "azure's filter of questions",
        orjson.dumps(
            {"error": {"code": "content_filter", "status": 400, "innererror": {"content_filter_result": _FILTERS}}}
        ),
        Refused(status=400),
        status=400,
        settings=AZURE,
    ),
    Shape("a revoked key", b'{"error":{"code":"invalid_api_key"}}', NotAuthorized(status=401), status=401),
    Shape(
        "overloaded",
        b"upstream connect error",
        ServerFailed(status=503, retry_after=20),
        status=503,
        headers={"retry-after": "20"},
    ),
    Shape(
        "google's list of one",
        b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]',
        RateLimited(status=429),
        status=429,
    ),
]

STREAMS = [
    Shape(
        "openai",
        events(*HELLO, STOP, chunk(usage=USAGE)),
        answer(TEXT, rate=RateLimit(9999, 0.006)),
        usage=READ,
        headers={"x-ratelimit-remaining-requests": "9999", "x-ratelimit-reset-requests": "6ms"},
    ),
    Shape(
        "openai tools",
        events(
            chunk(
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"index": 0, "id": "call_a", "type": "function", "function": {"name": "track", "arguments": ""}}
                    ],
                }
            ),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"id"'}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": ':"ü"}'}}]}),
            chunk(
                {
                    "tool_calls": [
                        {
                            "index": 1,
                            "id": "call_b",
                            "type": "function",
                            "function": {"name": "refund", "arguments": ""},
                        }
                    ]
                }
            ),
            chunk({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            chunk({}, "tool_calls"),
            chunk(usage=USAGE),
        ),
        answer(
            "",
            finish="tool_calls",
            tool_calls=(called("call_a", "track", '{"id":"ü"}'), called("call_b", "refund", "{}")),
        ),
        unseen='track{"id":"ü"}refund{}',
        usage=READ,
    ),
    Shape(
        "openai refusal",
        events(chunk({"role": "assistant", "refusal": "I "}), chunk({"refusal": "cannot."}), STOP, chunk(usage=USAGE)),
        answer("I cannot."),
        usage=READ,
    ),
    Shape(
        "azure: an empty chunk of filters first",
        events(
            {
                "id": "",
                "model": "",
                "object": "",
                "created": 0,
                "choices": [],
                "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _FILTERS}],
            },
            *HELLO,
            {
                **chunk(),
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": _FILTERS}],
            },
            chunk(usage=USAGE),
        ),
        answer(TEXT),
        usage=READ,
        settings=AZURE,
    ),
    Shape(
        "groq",
        events(
            {**START, "x_groq": {"id": "req_01"}},
            *HELLO[1:],
            chunk({}, "stop", x_groq={"id": "req_01", "usage": {**USAGE, "queue_time": 0.1}}),
        ),
        answer(TEXT),
        usage=READ,
    ),
    Shape(
        "mistral: usage in the last chunk",
        events(*HELLO, chunk({"content": ""}, "stop", usage=USAGE)),
        answer(TEXT),
        usage=READ,
    ),
    Shape(
        "mistral: reasoning in parts",
        events(
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
            chunk({"content": [{"type": "text", "text": "Grüße, "}]}),
            chunk({"content": "Welt 👋"}),
            chunk({"content": ""}, "stop", usage=USAGE),
        ),
        answer(TEXT),
        unseen="Hm.",
        usage=READ,
    ),
    Shape(
        "vllm: usage all along, reasoning",
        events(
            chunk({"role": "assistant", "content": ""}, usage={"prompt_tokens": 19, "completion_tokens": 0}),
            chunk({"reasoning_content": "Hm."}, usage={"prompt_tokens": 19, "completion_tokens": 2}),
            chunk({"content": "Grüße, "}, usage={"prompt_tokens": 19, "completion_tokens": 6}),
            chunk({"content": "Welt 👋"}, usage={"prompt_tokens": 19, "completion_tokens": 10}),
            chunk({"content": ""}, "stop", usage={"prompt_tokens": 19, "completion_tokens": 10}),
        ),
        answer(TEXT),
        unseen="Hm.",
        usage=READ,
    ),
    Shape(
        "ollama: no usage",
        events(chunk({"role": "assistant", "content": "Grüße, "}), chunk({"content": "Welt 👋"}), chunk({}, "stop")),
        answer(TEXT, None),
    ),
    Shape(
        "ollama: a tool at once",
        events(
            chunk({"tool_calls": [{"id": "call_a", "index": 0, "function": {"name": "track", "arguments": "{}"}}]}),
            chunk({"content": ""}, "tool_calls"),
        ),
        answer("", None, "tool_calls", tool_calls=(called("call_a", "track", "{}"),)),
        unseen="track{}",
    ),
    Shape(
        "gemini: every tool is the first",
        events(
            chunk({"tool_calls": [{"id": "a", "index": 0, "function": {"name": "track", "arguments": "{}"}}]}),
            chunk(
                {"tool_calls": [{"id": "b", "index": 0, "function": {"name": "refund", "arguments": "{}"}}]},
                "tool_calls",
            ),
        ),
        answer("", None, "tool_calls", tool_calls=(called("a", "track", "{}"), called("b", "refund", "{}"))),
        unseen="track{}refund{}",
    ),
    Shape(
        "openrouter: comments while it works, reasoning",
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n"
        + events(
            chunk({"role": "assistant", "content": "", "reasoning": "Hm."}),
            *HELLO[1:],
            STOP,
            chunk({"content": ""}, usage=USAGE),
        ),
        answer(TEXT),
        unseen="Hm.",
        usage=READ,
    ),
    Shape(
        "deepseek",
        b": keep-alive\n\n"
        + events(
            chunk({"role": "assistant", "content": None, "reasoning_content": "Hm."}),
            *HELLO[1:],
            chunk({"content": ""}, "stop", usage={**USAGE, "prompt_cache_hit_tokens": 16}),
        ),
        answer(TEXT, Usage(input_tokens=19, output_tokens=10, cache_read_tokens=16)),
        unseen="Hm.",
        usage=Usage(input_tokens=19, output_tokens=10, cache_read_tokens=16),
    ),
    Shape("windows' ends of lines", events(*HELLO, STOP, end="\r\n"), answer(TEXT, None)),
    Shape("a byte order mark", b"\xef\xbb\xbf" + events(*HELLO, STOP), answer(TEXT, None)),
    Shape("no end but the last finish reason", events(*HELLO, STOP, done=False), answer(TEXT, None)),
    Shape("no empty line after the end", events(*HELLO, STOP).rstrip(b"\n"), answer(TEXT, None)),
    Shape("nothing but an end", events(*HELLO), answer(TEXT, None, None)),
    Shape("broken after it was complete", events(*HELLO, STOP, done=False), answer(TEXT, None), breaks=True),
    Shape("nothing after [DONE] counts", events(*HELLO, STOP) + events(chunk({"content": "!"})), answer(TEXT, None)),
    Shape("cut at its cap", events(*HELLO, chunk({}, "length")), answer(TEXT, None, "length")),
    Shape("usage that makes no sense", events(*HELLO, STOP, chunk(usage={"prompt_tokens": -1})), answer(TEXT, None)),
    Shape("nothing said", events(START, STOP, chunk(usage=USAGE)), EmptyAnswer(status=200, usage=READ), usage=READ),
    Shape("no end", events(*HELLO, done=False), StreamBroken(status=200), text=TEXT),
    Shape("no end, broken", events(*HELLO, done=False), StreamBroken(status=200), text=TEXT, breaks=True),
    Shape("cut inside an event", events(*HELLO, done=False)[:-40], StreamBroken(status=200), text="Grüße, "),
    Shape("nothing at all", b"", StreamBroken(status=200)),
    Shape("no JSON", events(*HELLO[:2], "{oh"), StreamBroken(status=200), text="Grüße, "),
    Shape("JSON of another form", events(*HELLO[:2], chunk({"content": 7})), StreamBroken(status=200), text="Grüße, "),
    Shape(
        "bytes that are no UTF-8",
        events(*HELLO[:2], done=False) + b'data: {"id":"\xff"}\n\n',
        StreamBroken(status=200),
        text="Grüße, ",
    ),
    Shape(
        "an error in the middle",
        events(*HELLO[:2], {"error": {"message": "what the user said", "type": "server_error", "code": None}}),
        StreamBroken(status=200),
        text="Grüße, ",
    ),
    Shape(
        "openrouter: an error in the middle",
        events(*HELLO[:2], chunk({"content": ""}, "error", error={"code": 502, "message": "x"})),
        StreamBroken(status=200),
        text="Grüße, ",
    ),
    Shape("an error at once", events({"error": {"code": "server_error"}}), ServerFailed(status=200)),
    Shape("vllm: a refusal at once", events({"error": {"type": "BadRequestError", "code": 400}}), Refused(status=200)),
    Shape("rate limited at once", events({"error": {"type": "rate_limit_error"}}), RateLimited(status=200)),
    Shape(
        "rate limited in the middle",
        events(*HELLO[:2], {"error": {"code": 429}}),
        RateLimited(status=200),
        text="Grüße, ",
    ),
    Shape(
        "groq: an event of errors",
        b'event: error\ndata: {"message":"x","type":"server_error"}\n\n',
        ServerFailed(status=200),
    ),
    Shape(
        "out of resources",
        events(*HELLO, chunk({}, "insufficient_system_resource")),
        StreamBroken(status=200),
        text=TEXT,
    ),
    Shape(
        "a tool without a name",
        events(
            chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{}"}}]}), chunk({}, "tool_calls")
        ),
        InvalidResponse(status=200),
        unseen="{}",
    ),
    Shape("a whole answer all the same", completion({"content": TEXT}), answer(TEXT), headers=JSON, usage=READ),
    Shape("html", b"<html>502</html>", InvalidResponse(status=200), headers={"content-type": "text/html"}),
    Shape("refused", b'{"error":{"code":"model_not_found"}}', Refused(status=404), status=404, headers=JSON),
    Shape(
        "rate limited", b"{}", RateLimited(status=429, retry_after=3), status=429, headers={**JSON, "retry-after": "3"}
    ),
]

STATIC = {"kind": "static", "text": TEXT}
STATIC_ANSWER = ChatAnswer(TEXT, Usage(), "stop", response_model="m")
STATICS = [
    Shape("static", b"", STATIC_ANSWER, settings=STATIC),
    Shape("static, streamed", b"", STATIC_ANSWER, settings=STATIC, streamed=True, usage=Usage()),
]
