"""`streamguard dev` as people use it: what it says, what it keeps, what it leaves running."""

import pytest

from tests.support.dev_line import Dev

pytestmark = pytest.mark.slow


def test_it_is_there(dev: Dev) -> None:
    assert dev.config.exists()
    assert dev.kafka
