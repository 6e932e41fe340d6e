"""Streams of OpenAI and of those who speak its chat completions, after their documentation."""

from streamguard.events.usage import Usage
from streamguard.providers.contract import RateLimit
from streamguard.providers.errors import (
    EmptyAnswer,
    InvalidResponse,
    RateLimited,
    Refused,
    ServerFailed,
    StreamBroken,
)
from tests.unit.providers.openai_writing import (
    AZURE,
    FILTERS,
    HELLO,
    READ,
    START,
    STOP,
    TEXT,
    USAGE,
    answer,
    called,
    chunk,
    completion,
)
from tests.unit.providers.wire import JSON, Shape, events

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
        "openai: a tool that the model made up",
        events(
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "a", "function": {"name": "multi_tool_use.parallel", "arguments": "{}"}}
                    ]
                }
            ),
            chunk({}, "tool_calls"),
        ),
        answer("", None, "tool_calls", tool_calls=(called("a", "multi_tool_use_parallel", "{}"),)),
        unseen="multi_tool_use.parallel{}",
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
                "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTERS}],
            },
            *HELLO,
            {
                **chunk(),
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": FILTERS}],
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
        "gemini: tools without ids and places, one of them in pieces",
        events(
            chunk({"tool_calls": [{"id": "", "function": {"name": "track", "arguments": '{"id":'}}]}),
            chunk({"tool_calls": [{"id": "", "function": {"name": "track", "arguments": "7}"}}]}),
            chunk({"tool_calls": [{"id": "", "function": {"name": "track", "arguments": "{}"}}]}),
            chunk({"tool_calls": [{"function": {"name": "refund", "arguments": "{}"}}]}, "stop"),
        ),
        answer(
            "",
            None,
            tool_calls=(
                called("call_0", "track", '{"id":7}'),
                called("call_1", "track", "{}"),
                called("call_2", "refund", "{}"),
            ),
        ),
        unseen='track{"id":7}track{}refund{}',
    ),
    Shape(
        "gemini: thoughts are in the total alone, usage all along",
        events(
            chunk({"content": "Grüße, "}, usage={"completion_tokens": 3, "prompt_tokens": 9, "total_tokens": 105}),
            chunk(
                {"content": "Welt 👋"}, "stop", usage={"completion_tokens": 7, "prompt_tokens": 9, "total_tokens": 109}
            ),
        ),
        answer(TEXT, Usage(input_tokens=9, output_tokens=100, reasoning_tokens=93)),
        usage=Usage(input_tokens=9, output_tokens=100, reasoning_tokens=93),
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
    Shape("an event that cannot be read after it was complete", events(*HELLO, STOP, "{oh"), answer(TEXT, None)),
    Shape("an error after it was complete", events(*HELLO, STOP, {"error": {"code": 500}}), answer(TEXT, None)),
    Shape("broken after it was complete", events(*HELLO, STOP, done=False), answer(TEXT, None), breaks=True),
    Shape("nothing after [DONE] counts", events(*HELLO, STOP) + events(chunk({"content": "!"})), answer(TEXT, None)),
    Shape("cut at its cap", events(*HELLO, chunk({}, "length")), answer(TEXT, None, "length")),
    Shape(
        "usage, and then one that makes no sense",
        events(*HELLO, STOP, chunk(usage=USAGE), chunk(usage={"prompt_tokens": -1})),
        answer(TEXT),
        usage=READ,
    ),
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
        StreamBroken(status=200),
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
        "vllm: aborted, and yet ended as if it were whole",
        events(*HELLO, chunk({"content": ""}, "abort"), chunk(usage=USAGE)),
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
