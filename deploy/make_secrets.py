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
    """Make what is missing; a line for each file that a person must still put there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in MADE:
        _write(folder / name, secrets.token_hex(32))
    (folder / HASHED).unlink(missing_ok=True)
    _write(folder / HASHED, hashes(folder))
    return [f"{folder / name}: {what}" for name, what in GIVEN.items() if not (folder / name).exists()]


def _write(file: Path, text: str) -> None:
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(text)
        file.chmod(0o444)


if __name__ == "__main__":
    asked = make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets")
    for line in asked:
        print(f"still missing: {line}", file=sys.stderr)
    sys.exit(int(bool(asked)))
