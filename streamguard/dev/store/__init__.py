"""The embedded store: the ClickHouse engine (chDB) behind ClickHouse's HTTP protocol, one process a path."""

from streamguard.dev.store.access import Limits
from streamguard.dev.store.engine import Engine, Job, Outcome
from streamguard.dev.store.errors import EngineError
from streamguard.dev.store.http import EmbeddedStore, StoreSettings, serve

__all__ = ["EmbeddedStore", "Engine", "EngineError", "Job", "Limits", "Outcome", "StoreSettings", "serve"]
