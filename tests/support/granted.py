"""The real engine, embedded, with users as a server's `users.d` file gives them: each question is asked as one of them.

The embedded engine has one user, `default`. So for each question it is started with a users file in which `default` is who the
file says another user is. It does not read the server's own settings, and so does not know `changeable_in_readonly`: that one
element is taken out first. Everything else of the file it reads itself, merged and with its secrets included.
"""

import ast
import copy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

_BASE = """<clickhouse>
  <profiles><default/></profiles>
  <users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users>
  <quotas><default/></quotas>
</clickhouse>"""
_ASK = """
import sys
from chdb import session
opened = session.Session(sys.argv[1])
for statement in sys.argv[2:]:
    try:
        print("ok", str(opened.query(statement, "TSV")).strip().encode())
    except Exception as error:
        print("error", str(error).strip().encode())
opened.close()
"""


class Server:
    """Its data lies below `folder`. `passwords` is the file of hashes that the users file includes."""

    def __init__(self, folder: Path, users: Path, passwords: Path, *, readonly: str = "1") -> None:
        """`readonly` takes the place of 1 where a profile says so: with 2, limits may be changed within their bounds."""
        self._folder, self._users, self._passwords, self._readonly = folder, users, passwords, readonly
        (folder / "users.d").mkdir(parents=True)
        (folder / "users.xml").write_text(_BASE)
        config = f"<clickhouse><users_config>{folder}/users.xml</users_config></clickhouse>"
        (folder / "config.xml").write_text(config)

    def ask(self, user: str, statements: Sequence[str]) -> list[str]:
        """For each statement what came back (tab-separated), or `Code: N. …`, as that user; `default` may do anything.

        Raises `AssertionError` when the engine does not take the file.
        """
        (self._folder / "users.d" / "users.xml").write_bytes(self._become(user))
        done = subprocess.run(
            [sys.executable, "-c", _ASK, str(self._folder / "data"), *statements],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [ast.literal_eval(line.split(" ", 1)[1]).decode() for line in done.stdout.splitlines()]

    def _become(self, user: str) -> bytes:
        root = ElementTree.parse(self._users).getroot()
        (include,) = root.iter("include_from")
        include.text = str(self._passwords)
        for parent in list(root.iter()):
            for element in parent.findall("changeable_in_readonly"):
                parent.remove(element)
        for element in root.iter("readonly"):
            element.text = self._readonly
        users = root.find("users")
        assert users is not None
        if user != "default":
            (found,) = users.findall(user)
            default = copy.deepcopy(found)
            default.tag = "default"
            default.set("replace", "replace")
            (password,) = default.findall("password_sha256_hex")
            default.remove(password)
            ElementTree.SubElement(default, "password")
            users.append(default)
        return ElementTree.tostring(root)
