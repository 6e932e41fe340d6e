"""Templates are read strictly; a wrong one names its file and key."""

from pathlib import Path

import pytest

from streamguard.events.reason import Reason
from streamguard.prompts.errors import InvalidTemplate, UnknownPrompt
from streamguard.prompts.registry import PromptBook
from streamguard.resources import resource_dir

GOOD = """
name = "greet"
version = 1
route = "default"
max_output_tokens = 10
variables = ["who"]
optional = ["mood"]
system = "Be brief. {{ canary }} {{ fence }}"
user = "Greet {{ who }}{% if mood %}, {{ mood }}{% endif %}."
"""


def write(folder: Path, text: str, name: str = "greet", version: str = "1") -> Path:
    file = folder / name / f"{version}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_our_own_templates_load() -> None:
    book = PromptBook.load(resource_dir("prompts"))
    assert {template.name for template in book.templates} >= {"chat", "support", "classify"}
    assert {template.route for template in book.templates} <= {"default", "economy", "auto"}
    classify = book.get("classify")
    assert classify.static_text is None
    assert classify.response_format is not None
    assert classify.response_format.json_schema is not None
    for template in book.templates:
        assert "{{ canary }}" in template.system, "without a canary a leak goes unnoticed"
        assert "{{ fence }}" in template.system, "without the mark the model cannot tell data from orders"


def test_the_newest_version_is_the_default(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("version = 1", "version = 12"), version="12")
    write(tmp_path, GOOD.replace("version = 1", "version = 3"), version="3")
    book = PromptBook.load(tmp_path)
    assert book.get("greet").version == 12
    assert book.get("greet", 3).used.version == 3


@pytest.mark.parametrize(
    ("name", "version", "code"), [("nobody", None, "unknown_prompt"), ("greet", 9, "unknown_version")]
)
def test_an_unknown_prompt_has_its_code_and_does_not_repeat_the_name(
    tmp_path: Path, name: str, version: int | None, code: str
) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(UnknownPrompt) as caught:
        PromptBook.load(tmp_path).get(name, version)
    assert caught.value.code == code
    assert caught.value.reason is Reason.UNKNOWN_PROMPT
    assert name not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("route =", "rout =", "rout: Extra inputs are not permitted"),
        ("max_output_tokens = 10", "max_output_tokens = 0", "max_output_tokens"),
        ('name = "greet"', 'name = "other"', "the path says otherwise"),
        ("{{ who }}", "{{ whom }}", "uses whom"),
        ("{{ who }}", "you", "does not use the variable who"),
        ("{{ who }}", "{{ who", "no valid Jinja text"),
        ("Be brief.", "Be {{ who }}.", "system: uses who"),
        ('["mood"]', '["who"]', "listed twice"),
        ('["mood"]', '["canary"]', "cannot be a variable"),
        ("version = 1", "version = ", "no valid TOML"),
    ],
)
def test_a_wrong_template_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(InvalidTemplate) as caught:
        PromptBook.load(tmp_path)
    assert said in str(caught.value)
    assert "greet" in str(caught.value)


def test_a_folder_without_templates_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidTemplate, match="holds no prompts"):
        PromptBook.load(tmp_path)
