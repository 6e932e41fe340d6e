"""Why the offsets are not Faust's: its own agents, killed as ours are in `test_faults.py`, lose messages."""

from pathlib import Path

import pytest

from tests.support.crew import Crew, killed_again_and_again
from tests.support.kafka import KafkaNode

pytestmark = pytest.mark.slow


async def test_stock_agents_lose_messages_when_they_are_killed(kafka: KafkaNode, tmp_path: Path) -> None:
    async with Crew(kafka, tmp_path, stock=True, cap=64) as crew:
        await killed_again_and_again(crew)
        lost = await crew.without_output()
    assert lost, "stock Faust has lost nothing: is the intake still needed?"
