"""`python alive.py PORT…`: status 0 when every process that serves at these ports of this container says that it is alive.

The image's health check; only the standard library, so that it starts quickly.
"""

import sys
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

SECONDS = 3.0


def alive(port: str) -> bool:
    """Whether `/live` answers 200 in time."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/live", timeout=SECONDS) as answer:
            return answer.status == 200
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    silent = [port for port in sys.argv[1:] if not alive(port)]
    print(f"not alive: {', '.join(silent)}" if silent else "alive")
    sys.exit(int(bool(silent) or len(sys.argv) < 2))
