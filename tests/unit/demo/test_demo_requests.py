"""The two thousand requests: as many as asked for, the same for a seed, and of every kind the line must master."""

from collections import Counter, defaultdict
from random import Random

import orjson
import phonenumbers
import pytest

from streamguard.cli.demo import invented
from streamguard.cli.demo.material import load_material
from streamguard.cli.demo.requests import SHARES, support_requests
from streamguard.config import Limits
from streamguard.errors import InvalidRecord
from streamguard.events.codec import decode
from streamguard.events.request import Request
from streamguard.stream.planned import Planned


@pytest.fixture(scope="module")
def planned() -> list[Planned]:
    return list(support_requests(2000, seed=1))


def _requests(planned: list[Planned]) -> list[Request]:
    return [decode(Request, item.value, item.schema) for item in planned if item.end == "outcome"]


@pytest.mark.parametrize("count", [1, 3, 60, 2000])
def test_makes_as_many_different_requests_as_asked_for(count: int) -> None:
    made = list(support_requests(count, seed=5))
    assert sum(item.end != "nothing" for item in made) == count
    assert len({item.value for item in made}) == count
    named = [item.identity for item in made if item.end == "outcome"]
    assert len(set(named)) == len(named)


def test_the_seed_decides_everything(planned: list[Planned]) -> None:
    assert list(support_requests(2000, seed=1)) == planned
    assert list(support_requests(2000, seed=2)) != planned


def test_every_kind_is_there(planned: list[Planned]) -> None:
    kinds = Counter(item.kind for item in planned)
    assert set(kinds) == {*SHARES, "ticket"}
    assert len({item.key for item in planned}) >= 5


def test_a_part_is_streamed_another_of_the_lane_batch_and_a_few_are_cancelled(planned: list[Planned]) -> None:
    requests = _requests(planned)
    streamed = {item.identity for item in planned if item.streamed}
    assert streamed == {(one.tenant_id, one.request_id, 1) for one in requests if one.stream}
    assert 0.13 < len(streamed) / len(requests) < 0.17
    assert 0.08 < sum(one.lane == "batch" for one in requests) / len(requests) < 0.12
    after = [item.cancel_after for item in planned if item.cancel_after is not None]
    assert len(after) == 40
    assert 5 < after.count(0.0) < 35


def test_what_should_be_readable_is_and_what_should_not_is_not(planned: list[Planned]) -> None:
    for item in planned:
        if item.end == "dead_letter":
            with pytest.raises(InvalidRecord):
                decode(Request, item.value, item.schema)
        else:
            request = decode(Request, item.value, item.schema)
            assert (request.tenant_id, request.request_id, 1) == item.identity
            assert request.tenant_id.encode() == item.key


def test_a_request_sent_twice_follows_the_first_in_the_same_bytes(planned: list[Planned]) -> None:
    values = [item.value for item in planned]
    again = [place for place, item in enumerate(planned) if item.end == "nothing"]
    assert again
    for place in again:
        assert values.index(values[place]) < place


def test_turns_of_a_conversation_keep_their_order(planned: list[Planned]) -> None:
    lengths: dict[str, list[int]] = defaultdict(list)
    for request in _requests(planned):
        if request.conversation_id:
            lengths[request.conversation_id].append(len(request.messages or ()))
    assert len(lengths) > 20
    assert all(turns == sorted(turns) for turns in lengths.values())


def test_only_those_meant_to_be_are_over_the_limits_even_within_one_minute(planned: list[Planned]) -> None:
    limits = Limits()
    users: Counter[tuple[str, str]] = Counter()
    addresses: Counter[tuple[str, str | None]] = Counter()
    for request in _requests(planned):
        users[request.tenant_id, request.user_id] += 1
        addresses[request.tenant_id, request.client_ip] += 1
    assert len(users) >= 250
    over = {user for (_, user), count in users.items() if count > limits.user_per_minute}
    assert over
    assert all(user.startswith("chatty") for user in over)
    assert [address for (_, address), count in addresses.items() if count > limits.ip_per_minute] == ["203.0.113.77"]


def test_twins_differ_in_their_address_only(planned: list[Planned]) -> None:
    texts: dict[str, set[str]] = defaultdict(set)
    for item in planned:
        if item.kind == "twins":
            text: str = orjson.loads(item.value)["prompt"]["variables"]["question"]
            words = text.split()
            address = next(word for word in words if "@" in word)
            assert address.strip(".?").endswith("@example.com")
            texts[text.replace(address.strip(".?"), "@")].add(address)
    assert any(len(addresses) > 1 for addresses in texts.values())


def test_no_slot_is_left_open(planned: list[Planned]) -> None:
    slots = [f"{{{name}}}".encode() for name in ("product", "order", "email", "secret", "city", "card", "iban")]
    assert not any(slot in item.value for item in planned for slot in slots)


def test_personal_data_is_valid_and_nobodys() -> None:
    rng = Random(3)
    for _ in range(200):
        assert phonenumbers.is_valid_number(phonenumbers.parse(invented.phone(rng)))
        digits = [int(digit) for digit in invented.card(rng).replace(" ", "")]
        doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
        assert (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
        iban = invented.iban(rng).replace(" ", "")
        assert int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


def test_material_has_texts_of_each_sort() -> None:
    material = load_material()
    assert len(material.tickets) > 25
    assert len({article.id for article in material.articles}) == len(material.articles)
    assert all(len(story.replies) >= len(story.turns) - 1 for story in material.conversations)
