"""`python3 deploy/make_secrets.py [FOLDER]`: the secrets of a deployment, made where they are missing; nothing is overwritten.

Passwords and keys are random. What only you can know is asked for in a line each, with status 1: put it into the file named.
Any Python 3.9 or later runs this. The folder, `deploy/secrets` if none is named, is for its owner alone; its files can be read by
whoever reaches them, since containers read them as users of their own.
"""

import hashlib
import secrets
import sys
from pathlib import Path

MADE = ("clickhouse_writer", "clickhouse_reader", "clickhouse_payloads", "grafana_admin", "policy_key")
"""Made here. `policy_key` keys hashes and signatures: keep it for as long as they are to be compared."""
GIVEN = {
    "provider_api_key": "the key of your model provider",
    "alert_webhook": "the address that alertmanager posts alerts to",
}
"""Given by you."""
HASHED = "clickhouse_passwords"
"""The hashes of ClickHouse's passwords, as its users.d includes them."""


def hashes(folder: Path) -> str:
    """The file `clickhouse_passwords`, from the passwords in the folder."""
    lines = []
    for name in sorted(made for made in MADE if made.startswith("clickhouse_")):
        digest = hashlib.sha256((folder / name).read_text().strip().encode()).hexdigest()
        user = f"streamguard_{name[len('clickhouse_') :]}"
        lines.append(f"    <{user}>{digest}</{user}>\n")
    return f"<clickhouse>\n{''.join(lines)}</clickhouse>\n"


def make(folder: Path) -> list[str]:
    """Make what is missing; a line for each file that a person must still put there. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in MADE:
        if _missing(folder / name):
            _write(folder / name, secrets.token_hex(32))
    _write(folder / HASHED, hashes(folder))
    return [f"{folder / name}: {what}" for name, what in GIVEN.items() if _missing(folder / name)]


def _missing(file: Path) -> bool:
    return not file.exists() or not file.stat().st_size


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}")  # a full disk must not leave an empty password
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text)
    part.chmod(0o444)
    part.replace(file)


if __name__ == "__main__":
    try:
        asked = make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets")
    except OSError as error:
        sys.exit(f"secrets cannot be made: {error}")
    for line in asked:
        print(f"still missing: {line}", file=sys.stderr)
    sys.exit(int(bool(asked)))
