"""A user's own traffic: what is sent, and one line that says what is wrong."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from streamguard.cli.demo.given import read_requests, read_texts
from streamguard.config import Limits
from streamguard.errors import InputError
from streamguard.events.codec import decode
from streamguard.events.request import Request
from streamguard.stream.planned import Planned

GOOD = {"request_id": "r1", "tenant_id": "t", "user_id": "u", "messages": [{"role": "user", "content": "Hello"}]}


def _file(tmp_path: Path, *lines: object) -> Path:
    file = tmp_path / "given.jsonl"
    file.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines))
    return file


def _text(item: Planned) -> str:
    messages = decode(Request, item.value).messages
    assert messages
    return messages[0].content


def test_requests_are_sent_as_they_stand(tmp_path: Path) -> None:
    planned = read_requests(_file(tmp_path, GOOD, b"", GOOD | {"request_id": "r2", "deadline": 5}))
    assert [item.identity and item.identity.request_id for item in planned] == ["r1", "r2"]
    assert decode(Request, planned[1].value).deadline == 5
    assert all(item.key == b"t" and item.end == "outcome" for item in planned)


def test_of_a_known_id_nothing_more_is_expected(tmp_path: Path) -> None:
    planned = read_requests(_file(tmp_path, GOOD, GOOD, GOOD | {"tenant_id": "other"}))
    assert [item.end for item in planned] == ["outcome", "nothing", "outcome"]


def test_only_the_first_lines_when_a_number_is_given(tmp_path: Path) -> None:
    assert len(read_requests(_file(tmp_path, *(GOOD | {"request_id": f"r{n}"} for n in range(9))), 4)) == 4


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"request_id": "r2", ', "line 2: is no JSON"),
        (b"[1, 2]", "line 2: must be a JSON object"),
        (GOOD | {"user": "x"}, "line 2: a request has no field 'user'; did you mean 'user_id'?"),
        (GOOD | {"zzz": "x"}, "line 2: a request has no field 'zzz'; there are request_id, "),
        ({"request_id": "r2", "tenant_id": "t", "messages": []}, "line 2: user_id: Field required"),
        (GOOD | {"messages": "secret-words"}, "line 2: messages: "),
        (GOOD | {"prompt": {"name": "support"}}, "line 2: request: "),
    ],
)
def test_a_wrong_line_is_named_without_what_it_holds(tmp_path: Path, line: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_requests(_file(tmp_path, GOOD, line))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret-words" not in str(caught.value)


@pytest.mark.parametrize("read", [read_requests, read_texts])
def test_files_that_cannot_be_used(tmp_path: Path, read: object) -> None:
    assert callable(read)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "missing")
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)
    empty = tmp_path / "empty"
    empty.write_text("\n \n")
    with pytest.raises(InputError, match="holds no"):
        read(empty)
    binary = tmp_path / "binary"
    binary.write_bytes(b"ok\n\xff\xfe")
    with pytest.raises(InputError, match="no UTF-8 text"):
        read(binary)


def test_texts_are_taken_whole_whatever_they_hold(tmp_path: Path) -> None:
    texts = [
        '{"not": "a request"}',
        "a,b;c\td",
        "line\u2028separator \u0085 kept",
        "\ufeffmark",
        "\x00\x1b",
        "x" * 200_000,
    ]
    file = tmp_path / "texts"
    file.write_text("first\n\n" + "\n".join(texts) + "\r\n", encoding="utf-8", newline="")
    planned = read_texts(file)
    assert [_text(item).rstrip("\r") for item in planned] == ["first", *texts]


def test_texts_come_from_many_users_below_their_limit(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_text("\n".join(f"text {n}" for n in range(1500)))
    requests = [decode(Request, item.value) for item in read_texts(file)]
    users = Counter((request.tenant_id, request.user_id) for request in requests)
    assert len({request.tenant_id for request in requests}) > 1
    assert len(users) >= 250
    assert max(users.values()) <= Limits().user_per_minute / 2
    assert len({(request.tenant_id, request.request_id) for request in requests}) == 1500


def test_a_text_longer_than_a_record_is_named(tmp_path: Path) -> None:
    file = tmp_path / "texts"
    file.write_text("short\n" + "x" * 1_000_000)
    with pytest.raises(InputError, match="line 2: is longer"):
        read_texts(file)
