"""Whole answers of OpenAI and of those who speak its chat completions, after their documentation."""

import orjson

from streamguard.events.usage import Usage
from streamguard.providers.contract import ChatAnswer, RateLimit
from streamguard.providers.errors import (
    EmptyAnswer,
    InvalidResponse,
    NotAuthorized,
    RateLimited,
    Refused,
    ServerFailed,
)
from tests.unit.providers.openai_writing import (
    AZURE,
    FILTERS,
    READ,
    TEXT,
    USAGE,
    answer,
    called,
    completion,
)
from tests.unit.providers.wire import Shape

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
    Shape(
        "openai: tools that the model made up, and an id that is a letter",
        completion(
            {
                "content": None,
                "tool_calls": [
                    {"id": "call_a", "type": "function", "function": {"name": "functions.track", "arguments": "{}"}},
                    {"id": "call_b" * 40, "type": "function", "function": {"name": "ü" * 90, "arguments": "{}"}},
                ],
            },
            "tool_calls",
        ),
        answer(
            "",
            finish="tool_calls",
            tool_calls=(called("call_a", "functions_track", "{}"), called("call_1", "_" * 64, "{}")),
        ),
    ),
    Shape("openai refusal", completion({"content": None, "refusal": "I cannot."}), answer("I cannot.")),
    Shape("openai cut at its cap", completion({"content": "Grü"}, "length"), answer("Grü", finish="length")),
    Shape(
        "a server that does not count",
        completion({"content": TEXT}, usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
        answer(TEXT, None),
    ),
    Shape("nothing said", completion({"content": ""}), EmptyAnswer(status=200, usage=READ, finish_reason="stop")),
    Shape(
        "azure",
        completion(
            {"content": TEXT},
            prompt_filter_results=[{"prompt_index": 0, "content_filter_results": FILTERS}],
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
        "gemini: thoughts are in the total alone",
        completion({"content": TEXT}, usage={"completion_tokens": 9, "prompt_tokens": 31, "total_tokens": 240}),
        answer(TEXT, Usage(input_tokens=31, output_tokens=209, reasoning_tokens=200)),
    ),
    Shape(
        "a total that makes no sense",
        completion({"content": TEXT}, usage={**USAGE, "total_tokens": 7}),
        answer(TEXT),
    ),
    Shape("vllm: aborted", completion({"content": "Grü"}, "abort"), InvalidResponse(status=200)),
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
            {"error": {"code": "content_filter", "status": 400, "innererror": {"content_filter_result": FILTERS}}}
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

STATIC = {"kind": "static", "text": TEXT}
STATIC_ANSWER = ChatAnswer(TEXT, Usage(), "stop", response_model="m")
STATICS = [
    Shape("static", b"", STATIC_ANSWER, settings=STATIC),
    Shape("static, streamed", b"", STATIC_ANSWER, settings=STATIC, streamed=True, usage=Usage()),
]
