"""Every metric of streamguard, with its labels. Labels are bounded: never a tenant, user, trace or text.

Names follow Prometheus' conventions: base units, `_seconds`, `_total`. What a model, reason or provider can be is
bounded by the configuration and by `Reason`.
"""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = tuple(0.01 * 2**n for n in range(15))
"""Bucket bounds for durations: 10 ms doubling to 163.84 s, as OpenTelemetry's GenAI conventions have them."""
SHORT = tuple(0.0001 * 2**n for n in range(18))
"""Bucket bounds for a stage's own work: 0.1 ms doubling to 13.1 s."""

STAGE_SECONDS = Histogram(
    "streamguard_stage_duration_seconds", "A stage's work on one event.", ["stage"], buckets=SHORT
)
STAGE_EVENTS = Counter("streamguard_stage_events_total", "Events a stage has worked on.", ["stage", "result"])
"""`result`: `done`, `nothing` (a duplicate, or void) or `buried` (a dead letter was written)."""
STAGE_LAG_RECORDS = Gauge(
    "streamguard_stage_lag_records", "Records of its partitions that an intake has not finished.", ["stage"]
)
"""As of 10 seconds ago. Of the lane batch it is `invoke_batch`, the intake's own name."""
DEAD_LETTERS = Counter("streamguard_dead_letters_total", "Dead letters written.", ["stage", "code"])
OUTCOMES = Counter("streamguard_outcomes_total", "Finished requests.", ["status", "reason"])
REQUEST_SECONDS = Histogram(
    "streamguard_request_duration_seconds", "From the broker's receipt to the outcome.", ["status"], buckets=SECONDS
)
CALLS = Counter("streamguard_calls_total", "Calls to models.", ["provider", "model", "kind", "status"])
TOKENS = Counter("streamguard_tokens_total", "Tokens charged for.", ["provider", "model", "type"])
COST_USD = Counter("streamguard_cost_usd_total", "What calls cost, in US dollars.", ["provider", "model"])
FIRST_TOKEN_SECONDS = Histogram(
    "streamguard_first_token_seconds",
    "Of streamed calls, from the request to the first piece.",
    ["provider", "model"],
    buckets=SECONDS,
)
BETWEEN_TOKENS_SECONDS = Histogram(
    "streamguard_between_tokens_seconds",
    "Of streamed calls, from piece to piece on average.",
    ["provider", "model"],
    buckets=SHORT,
)
ESTIMATED_CALLS = Counter(
    "streamguard_estimated_calls_total",
    "Calls whose usage was counted here, as the provider told none.",
    ["provider", "model"],
)
RETRY_BUDGET_EXHAUSTED = Counter(
    "streamguard_retry_budget_exhausted_total",
    "Calls not made since the retry budget was used up.",
    ["provider", "call"],
)
"""`provider`: whom the questions were bound for. `call`: `first` (they went straight to the next model) or `further`."""
CONCURRENCY_LIMIT = Gauge(
    "streamguard_concurrency_limit", "Calls that a model gets at once, a process.", ["provider", "model"]
)
TURN_WAIT_SECONDS = Histogram(
    "streamguard_turn_wait_seconds",
    "From asking for a place at a model to having it, or giving up.",
    ["lane"],
    buckets=SHORT,
)
BREAKER_STATE = Gauge(
    "streamguard_breaker_state", "State of a model's breaker: 0 closed, 1 half-open, 2 open.", ["provider", "model"]
)
BREAKER_CHANGES = Counter(
    "streamguard_breaker_changes_total",
    "Changes of state that this process made, or learned from another.",
    ["provider", "model", "state"],
)
CANCELLATIONS = Counter(
    "streamguard_cancellations_total", "Records of the topic `cancellations`, a worker.", ["result"]
)
"""`result`: `told`, `old` (more than an hour) or `invalid`: services write the topic, and nothing in it can do harm."""
REMOTE_CHECKS = Counter(
    "streamguard_remote_checks_total", "Second opinions asked for.", ["name", "direction", "result"]
)
"""`name`: of `[[remote_checks]]`. `result`: `ok`, or the code of why there was none (`timeout`, `connect`, `paused` …)."""
REMOTE_CHECK_SECONDS = Histogram(
    "streamguard_remote_check_duration_seconds", "A second opinion, given or not.", ["name"], buckets=SECONDS
)

FIRST_TEXT_SECONDS = Histogram(
    "streamguard_stream_first_text_seconds",
    "From the broker's receipt of a request to the first of its answer that a reader may see.",
    buckets=SECONDS,
)
CHUNKS = Counter("streamguard_chunks_total", "Chunks of answers handed to the broker.", ["stage", "mark"])
"""`mark`: `none`, `restart`, `final` or `retracted`. Verify's are whole answers, or withdraw what may have been shown."""
RETRACTIONS = Counter(
    "streamguard_retractions_total", "Answers that were withdrawn after something of them was shown.", ["stage"]
)
"""`stage`: `invoke`, where the checks of streams stopped one (a later call may show another), or `verify`, for good."""
SHOWINGS_GIVEN_UP = Counter(
    "streamguard_showings_given_up_total", "Answers shown no further because their chunks were not stored in time."
)

SINK_ROWS = Counter("streamguard_sink_rows_total", "Rows that a store has confirmed.", ["table"])
"""Rows of a chunk that is sent again count again, though the store drops them."""
SINK_CHUNKS = Counter("streamguard_sink_chunks_total", "Chunks that a store has confirmed.", ["topic", "kind"])
"""`kind`: `new`, or `repeated` when an earlier owner had planned it."""
SINK_INSERT_SECONDS = Histogram(
    "streamguard_sink_insert_duration_seconds", "One chunk's inserts, confirmed or not.", ["store"], buckets=SECONDS
)
SINK_REFUSALS = Counter("streamguard_sink_refusals_total", "What a store did not confirm.", ["store", "code"])
"""`code`: `unreachable` (nobody answers, or too late) or `clickhouse_` and the number of the server's error. `store`: what it
holds, `outcomes`, `payloads` or `outcomes+payloads`."""
SINK_LAG_RECORDS = Gauge(
    "streamguard_sink_lag_records", "Records of its partitions that are not in the store.", ["topic"]
)
SINK_LAG_SECONDS = Gauge(
    "streamguard_sink_lag_seconds", "Age of the oldest record read and not in the store.", ["topic"]
)
"""By the broker's timestamp; 0 when nothing waits."""
