"""streamguard stands between services and language models: guarded, cached, accounted, provable afterwards."""

__version__ = "0.1.0"
