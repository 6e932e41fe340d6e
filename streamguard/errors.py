"""The errors of streamguard that more than one room knows.

StreamguardError
├── Refusal                an operator must change something first; starting again cannot help
│   └── ConfigError        the configuration is wrong; names the key and what would be right
├── InputError             a command was given something it cannot use; one line, exit status 2
├── InputAtFault           what came in cannot be handled, whoever handles it
│   └── InvalidRecord      bytes that are no valid record of their topic
└── ProviderError          a call to a model failed (its kinds: streamguard.providers.errors)

Each room derives its own errors from these beside its code. Messages never carry user text: codes and numbers only.
"""


class StreamguardError(Exception):
    """Base of everything streamguard raises on purpose."""


class Refusal(StreamguardError):
    """A process does not start, or does not go on, until an operator has changed something. The message says what.

    It ends with `EXIT_REFUSED`, and its supervisor does not start it again.
    """


EXIT_REFUSED = 2
"""The exit status of what starting again cannot help; also that of a command that was given something wrong."""


class ConfigError(Refusal):
    """The configuration is wrong. The message names the key, what it holds and what would be right."""


class InputError(StreamguardError):
    """A command was given something that it cannot use. The message is one line for a person."""


class InputAtFault(StreamguardError):
    """What came in is to blame. Where anybody may write, any number of these says nothing about the worker."""


class InvalidRecord(InputAtFault):
    """Bytes that are no valid record.

    `code` is one of `undecodable` (not JSON), `unknown_schema` (another major version, or no such record) and
    `invalid_record` (JSON that breaks the record's rules); `where` lists the fields that are wrong, never their values.
    """

    def __init__(self, code: str, where: tuple[str, ...] = ()) -> None:
        super().__init__(code + (": " + ", ".join(where) if where else ""))
        self.code = code
        self.where = where


class ProviderError(StreamguardError):
    """A call to a model failed.

    `code` is a stable word for telemetry (OpenTelemetry's `error.type`); `retriable` tells whether the same call may
    succeed later; `retry_after` is the provider's own wish in seconds; `status` is the HTTP status where there was one.
    """

    def __init__(
        self, code: str, *, retriable: bool, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(code if status is None else f"{code} (HTTP {status})")
        self.code = code
        self.retriable = retriable
        self.status = status
        self.retry_after = retry_after
