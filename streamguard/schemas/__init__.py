"""What others build against, generated from the code by one command, `python -m streamguard.schemas [--check]`:

- `schemas/events/*.json`, a JSON Schema of each record;
- `schemas/asyncapi.json`, topics, messages, operations and examples as an AsyncAPI 3 document;
- `docs/flow.svg`, a picture of the flow, where the repository is at hand.
"""

from streamguard.schemas.records import drifted, generated

__all__ = ["drifted", "generated"]
