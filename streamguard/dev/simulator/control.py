"""The `/_sim` endpoints: set faults and outages at run time, read the books."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, cast

import orjson
from aiohttp import web

from streamguard.dev.simulator.chat import BadRequest, read_body
from streamguard.dev.simulator.fault_kinds import Fault, FaultRule
from streamguard.dev.simulator.faults import Faults
from streamguard.dev.simulator.ledger import Ledger
from streamguard.dev.simulator.limits import Limits
from streamguard.dev.simulator.settings import LimitRule

_LIMIT_FIELDS = tuple(field.name for field in fields(LimitRule))


def routes(faults: Faults, limits: Limits, ledger: Ledger, shut: Callable[[float], None]) -> list[web.RouteDef]:
    """`GET` and `POST /_sim/faults`, `POST` and `DELETE /_sim/outage`, `POST /_sim/flaky` (which `DELETE /_sim/outage` ends,
    too), `POST /_sim/limits`, `POST /_sim/refuse`, `GET /_sim/calls[?detail=1]`, `GET /_sim/health`. While connections are
    refused (`shut`, in seconds) these are not reached either."""

    async def show_faults(_: web.Request) -> web.Response:
        flaky = [_rule(one.rule) for one in faults.flaky()]
        return _json({"rules": [_rule(rule) for rule in faults.rules], "outages": _outages(faults), "flaky": flaky})

    async def set_faults(request: web.Request) -> web.Response:
        rules = read_body(await request.read()).get("rules")
        if not isinstance(rules, list):
            raise BadRequest("rules must be a list of {provider, model, rates, times}", "rules")
        faults.replace([read_rule(rule) for rule in cast("list[object]", rules)])
        return await show_faults(request)

    async def begin_outage(request: web.Request) -> web.Response:
        body = read_body(await request.read())
        fault = _fault(body.get("fault", Fault.UNAVAILABLE))
        faults.begin_outage(_name(body, "provider"), _name(body, "model"), fault, _seconds(body))
        return _json({"outages": _outages(faults)})

    async def begin_flaky(request: web.Request) -> web.Response:
        body = read_body(await request.read())
        seconds = _seconds({"seconds": body.pop("seconds", None)})
        rule = read_rule(body)
        faults.begin_flaky(rule.provider, rule.model, rule.rates, seconds)
        return await show_faults(request)

    async def set_limits(request: web.Request) -> web.Response:
        rules = read_body(await request.read()).get("rules")
        if not isinstance(rules, list):
            raise BadRequest(f"rules must be a list of {{{', '.join(_LIMIT_FIELDS)}}}", "rules")
        limits.replace([read_limit(rule) for rule in cast("list[object]", rules)])
        return _json({"rules": [asdict(rule) for rule in limits.rules]})

    async def end_outages(_: web.Request) -> web.Response:
        faults.end_outages()
        return _json({"outages": _outages(faults)})

    async def refuse(request: web.Request) -> web.Response:
        seconds = _seconds(read_body(await request.read()))
        shut(seconds)
        return _json({"refused_seconds": seconds})

    async def show_calls(request: web.Request) -> web.Response:
        return _json(ledger.report(detail=request.query.get("detail") == "1"))

    async def health(_: web.Request) -> web.Response:
        return _json({"status": "ok"})

    return [
        web.get("/_sim/faults", show_faults),
        web.post("/_sim/faults", _checked(set_faults)),
        web.post("/_sim/outage", _checked(begin_outage)),
        web.delete("/_sim/outage", end_outages),
        web.post("/_sim/flaky", _checked(begin_flaky)),
        web.post("/_sim/limits", _checked(set_limits)),
        web.post("/_sim/refuse", _checked(refuse)),
        web.get("/_sim/calls", show_calls),
        web.get("/_sim/health", health),
    ]


def read_rule(given: object) -> FaultRule:
    """A fault rule from its JSON. Raises `BadRequest` that names what is wrong."""
    if not isinstance(given, Mapping):
        raise BadRequest("a rule must be an object", "rules")
    rule = cast("Mapping[str, Any]", given)
    if unknown := sorted(set(rule) - {"provider", "model", "rates", "times"}):
        raise BadRequest(f"a rule has no {unknown[0]!r}; it has provider, model, rates and times", "rules")
    rates, times = rule.get("rates", {}), rule.get("times")
    if not isinstance(rates, Mapping):
        raise BadRequest("rates must be an object of fault and share", "rates")
    if times is not None and not isinstance(times, int):
        raise BadRequest("times must be a whole number", "times")
    try:
        shares = {_fault(fault): float(share) for fault, share in cast("Mapping[str, Any]", rates).items()}
        return FaultRule(_name(rule, "provider"), _name(rule, "model"), shares, times)
    except (TypeError, ValueError):
        raise BadRequest(
            "rates must be numbers between 0 and 1 that sum to at most 1, times not negative", "rates"
        ) from None


def read_limit(given: object) -> LimitRule:
    """A rule of limits from its JSON. Raises `BadRequest` that names what is wrong."""
    if not isinstance(given, Mapping):
        raise BadRequest("a rule must be an object", "rules")
    rule = cast("Mapping[str, Any]", given)
    if unknown := sorted(set(rule) - set(_LIMIT_FIELDS)):
        raise BadRequest(f"a rule has no {unknown[0]!r}; it has {', '.join(_LIMIT_FIELDS)}", "rules")
    numbers = {key: value for key, value in rule.items() if key not in ("provider", "model")}
    try:
        return LimitRule(_name(rule, "provider"), _name(rule, "model"), **numbers)
    except (TypeError, ValueError):
        raise BadRequest("limits must be whole numbers above 0, burst_seconds above 0", "rules") from None


def _seconds(body: Mapping[str, Any]) -> float:
    seconds = body.get("seconds")
    if not isinstance(seconds, int | float) or seconds < 0:
        raise BadRequest("seconds must be a number of 0 or more", "seconds")
    return float(seconds)


def _fault(given: object) -> Fault:
    try:
        return Fault(str(given))
    except ValueError:
        raise BadRequest(f"unknown fault; there are: {', '.join(Fault)}", "fault") from None


def _name(body: Mapping[str, Any], key: str) -> str:
    name = body.get(key, "*")
    if not isinstance(name, str):
        raise BadRequest(f"{key} must be a string", key)
    return name


def _rule(rule: FaultRule) -> dict[str, Any]:
    rates = {fault.value: rate for fault, rate in rule.rates.items()}
    return {"provider": rule.provider, "model": rule.model, "rates": rates, "times": rule.times}


def _outages(faults: Faults) -> list[dict[str, Any]]:
    return [{"provider": one.provider, "model": one.model, "fault": one.fault} for one in faults.outages()]


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _checked(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def checked(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except BadRequest as error:
            return _json({"error": {"message": str(error), "param": error.param}}, status=400)

    return checked
