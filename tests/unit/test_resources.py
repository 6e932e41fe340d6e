"""The files that come with the package are found, or it is said where they were looked for."""

import pytest

from streamguard.resources import resource_dir


@pytest.mark.parametrize("name", ["topics", "schemas", "prompts", "examples"])
def test_what_the_package_needs_is_there(name: str) -> None:
    assert any(resource_dir(name).iterdir())


def test_what_is_nowhere_is_named_with_both_places() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        resource_dir("recipes")
    assert "'recipes'" in str(caught.value)
    assert str(caught.value).count("recipes") == 3
