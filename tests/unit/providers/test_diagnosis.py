"""What vendors write when a key, an address or a model is wrong, and what an operator is told about it."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from streamguard.clock import FakeClock
from streamguard.config import AnthropicProvider, OpenAIProvider, ProviderSettings, StaticProvider
from streamguard.providers.checking import Checked, check_model
from streamguard.providers.diagnosis import WORKS
from streamguard.providers.errors import Refused
from tests.unit.providers.wire import Shape, WireTransport

SECRET = "sk-hunter2-hunter2"
OPENAI = {"kind": "openai", "name": "openai", "base_url": "https://api.openai.com/v1", "api_key": SECRET}
ANTHROPIC = {"kind": "anthropic", "name": "anthropic", "api_key": SECRET}
AZURE = {
    **OPENAI,
    "name": "azure.ai.openai",
    "base_url": "https://x.openai.azure.com/openai/v1",
    "key_header": "api-key",
}
_SETTINGS: TypeAdapter[OpenAIProvider | AnthropicProvider | StaticProvider] = TypeAdapter(ProviderSettings)


async def checked(
    status: int,
    body: bytes,
    settings: Mapping[str, Any] = OPENAI,
    headers: Mapping[str, str] | None = None,
    model: str = "gpt-x",
) -> Checked:
    shape = Shape("", body, Refused(), status=status, headers=dict(headers or {}))
    transport = WireTransport(shape, [body[:7], body[7:]])
    one = await check_model(
        _SETTINGS.validate_python(settings), model, FakeClock(), name="check/1", over=lambda _: transport
    )
    assert SECRET not in repr(one)
    assert "hunter2" not in one.told
    assert transport.body is not None
    assert transport.body.closed
    return one


@pytest.mark.parametrize(
    ("settings", "status", "body", "verdict", "said"),
    [
        (
            OPENAI,
            401,
            b'{"error":{"message":"Incorrect API key provided: sk-hunter2. You can find your API key at x.",'
            b'"type":"invalid_request_error","param":null,"code":"invalid_api_key"}}',
            "wrong_key",
            "HTTP 401, invalid_api_key); it comes from the configuration",
        ),
        (
            AZURE,
            401,
            b'{"error":{"code":"401","message":"Access denied due to invalid subscription key."}}',
            "wrong_key",
            "HTTP 401",
        ),
        (
            ANTHROPIC,
            401,
            b'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}',
            "wrong_key",
            "authentication_error",
        ),
        (
            OPENAI,
            400,
            b'[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]',
            "wrong_key",
            "HTTP 400)",
        ),
        (
            OPENAI,
            403,
            b'{"error":{"message":"Country not supported","code":"unsupported_country"}}',
            "not_allowed",
            "the country",
        ),
        (
            OPENAI,
            404,
            b'{"error":{"message":"The model `gpt-x` does not exist or you do not have access to it.",'
            b'"type":"invalid_request_error","param":null,"code":"model_not_found"}}',
            "wrong_model",
            "'gpt-x'",
        ),
        (
            OPENAI,
            403,
            b'{"error":{"message":"Project `p` does not have access to model `gpt-x`","type":"invalid_request_error",'
            b'"param":null,"code":"model_not_found"}}',
            "wrong_model",
            "or not for this key",
        ),
        (
            AZURE,
            404,
            b'{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}',
            "wrong_model",
            "DeploymentNotFound",
        ),
        (
            ANTHROPIC,
            404,
            b'{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}',
            "wrong_model",
            "not_found_error",
        ),
        (  # vLLM
            OPENAI,
            404,
            b'{"object":"error","message":"The model `gpt-x` does not exist.","type":"NotFoundError","param":null,"code":404}',
            "wrong_model",
            "HTTP 404)",
        ),
        (  # Ollama
            OPENAI,
            404,
            b'{"error":{"message":"model \\"gpt-x\\" not found, try pulling it first","type":"api_error"}}',
            "wrong_model",
            "HTTP 404",
        ),
        (  # Mistral
            OPENAI,
            400,
            b'{"object":"error","message":"Invalid model: gpt-x","type":"invalid_model","param":null,"code":"1500"}',
            "wrong_model",
            "1500",
        ),
        (  # OpenRouter
            OPENAI,
            400,
            b'{"error":{"message":"gpt-x is not a valid model ID","code":400}}',
            "wrong_model",
            "HTTP 400)",
        ),
        (  # Google's
            OPENAI,
            404,
            b'[{"error":{"code":404,"message":"models/gpt-x is not found for API version v1main","status":"NOT_FOUND"}}]',
            "wrong_model",
            "HTTP 404",
        ),
        (
            {**OPENAI, "base_url": "https://api.openai.com"},
            404,
            b'{"error":{"message":"Invalid URL (POST /chat/completions)","type":"invalid_request_error"}}',
            "wrong_address",
            "base_url mostly ends in /v1",
        ),
        (
            {**OPENAI, "base_url": "https://api.openai.com/v1/chat/completions"},
            404,
            b'{"detail":"Not Found"}',
            "wrong_address",
            "base_url should end before /chat/completions",
        ),
        (
            {**ANTHROPIC, "base_url": "https://api.anthropic.com"},
            404,
            b'{"type":"error","error":{"type":"not_found_error","message":"Not Found"}}',
            "wrong_address",
            "base_url mostly ends in /v1",
        ),
        (AZURE, 404, b'{"error":{"code":"404","message":"Resource not found"}}', "wrong_address", "look at base_url"),
        (OPENAI, 405, b"", "wrong_address", "HTTP 405"),
        (OPENAI, 400, b"<html>The plain HTTP request was sent to HTTPS port</html>", "wrong_address", "HTTP 400"),
        (OPENAI, 308, b"", "wrong_address", "not as this API does"),
        (OPENAI, 200, b"<html>Welcome</html>", "wrong_address", "answers, but not as this API does"),
        (
            OPENAI,
            429,
            b'{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}',
            "no_money",
            "insufficient_quota",
        ),
        (
            ANTHROPIC,
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}',
            "no_money",
            "HTTP 400",
        ),
        (OPENAI, 402, b'{"error":{"message":"Insufficient Balance"}}', "no_money", "HTTP 402"),
        (
            OPENAI,
            429,
            b'{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}',
            "rate_limited",
            "works",
        ),
        (
            OPENAI,
            400,
            b'{"error":{"message":"Unsupported parameter: max_tokens","type":"invalid_request_error","param":"max_tokens",'
            b'"code":"unsupported_parameter"}}',
            "refused",
            "unsupported_parameter",
        ),
        (
            OPENAI,
            400,
            b'{"error":{"message":"Unsupported value: \'temperature\' is not supported with this model.",'
            b'"type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}',
            "refused",
            'takes no temperature (HTTP 400, unsupported_value); give its candidates without = ["temperature"]',
        ),
        (
            ANTHROPIC,
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"`temperature` is deprecated for this model."}}',
            "refused",
            "takes no temperature",
        ),
        (OPENAI, 503, b"upstream connect error", "failing", "HTTP 503"),
        (
            ANTHROPIC,
            529,
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
            "failing",
            "overloaded_error",
        ),
    ],
)
async def test_what_a_vendor_writes(
    settings: Mapping[str, Any], status: int, body: bytes, verdict: str, said: str
) -> None:
    one = await checked(status, body, settings)
    assert (one.verdict, one.status) == (verdict, status)
    assert said in one.told
    assert (one.verdict in WORKS) == (verdict in ("ok", "rate_limited"))


@pytest.mark.parametrize("code", [b'"sk-hunter2"', b'"key:hunter2.4711"'])
async def test_a_code_that_may_be_the_key_is_not_repeated(code: bytes) -> None:
    one = await checked(401, b'{"error":{"message":"no","type":%b,"code":%b}}' % (code, code))
    assert one.verdict == "wrong_key"
    assert "(HTTP 401);" in one.told


async def test_an_answer() -> None:
    body = (
        b'{"id":"1","object":"chat.completion","model":"gpt-x-2026","choices":[{"index":0,"finish_reason":"stop","message":'
        b'{"role":"assistant","content":"OK"}}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
    )
    one = await checked(200, body)
    assert (one.verdict, one.model, one.status) == ("ok", "gpt-x-2026", 200)
    assert one.usage is not None
    assert (one.usage.input_tokens, one.usage.output_tokens) == (9, 2)
    # a model that thinks may have no token left for text
    thought = body.replace(b'"OK"', b'""').replace(b'"stop"', b'"length"')
    one = await checked(200, thought)
    assert (one.verdict, one.told, one.model) == ("ok", "answered without text", "gpt-x-2026")
    assert one.usage is not None


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"api_key": "", "api_key_env": "PATH"}, "it comes from the variable PATH"),
        ({"api_key": ""}, "none is configured"),
        ({}, "it comes from the configuration"),
    ],
)
async def test_where_a_wrong_key_comes_from(source: Mapping[str, Any], said: str) -> None:
    assert said in (await checked(401, b"", {**OPENAI, **source})).told


async def test_a_key_that_is_not_there_is_told_without_a_call() -> None:
    settings = {**OPENAI, "api_key": "", "api_key_env": "NO_SUCH_VARIABLE"}
    one = await check_model(_SETTINGS.validate_python(settings), "m", FakeClock(), name="check/1")
    assert (one.verdict, one.seconds) == ("wrong_key", None)
    assert "NO_SUCH_VARIABLE is not set" in one.told


async def test_a_static_text_is_always_there() -> None:
    static = _SETTINGS.validate_python({"kind": "static", "name": "static", "text": "We are busy."})
    one = await check_model(static, "text", FakeClock(), name="check/1")
    assert one.verdict == "ok"
