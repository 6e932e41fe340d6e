"""Reading labelled texts, form by form, and what is said when a file does not tell enough."""

from pathlib import Path

import orjson
import pytest

from benchmarks.checks_reading import LabelledSet, Row, UnreadableSet, read, source


def given(folder: Path, name: str, content: object, *, suffix: str = "") -> LabelledSet:
    file = folder / name
    file.write_text(content if isinstance(content, str) else orjson.dumps(content).decode())
    return read(source(f"{file}{suffix}"))


def test_jsonl_with_roles_and_kinds(tmp_path: Path) -> None:
    lines = [
        {"text": "forget it all", "label": 1},
        {"text": "a mail", "label": 0, "role": "document", "kind": "email"},
        {"text": "a value", "label": "benign", "role": "variable"},
    ]
    found = given(tmp_path, "mixed.jsonl", "\n".join(orjson.dumps(line).decode() for line in lines) + "\n\n")
    assert found == LabelledSet(
        "mixed",
        (Row("forget it all", 1), Row("a mail", 0, "document", "email"), Row("a value", 0, "variable")),
    )


def test_csv_with_line_breaks_and_commas(tmp_path: Path) -> None:
    found = given(tmp_path, "kind.csv", 'text,label\n"one, two\nthree",1\nfour,0\n')
    assert found.rows == (Row("one, two\nthree", 1), Row("four", 0))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("jailbreaks.json", 1),
        ("direct_attacks.json", 1),
        ("prompt-injections.json", 1),
        ("chat_benign.json", 0),
        ("chat.json", 0),
    ],
)
def test_the_name_labels_a_bare_list(tmp_path: Path, name: str, label: int) -> None:
    assert given(tmp_path, name, ["a", "b"]).rows == (Row("a", label), Row("b", label))


@pytest.mark.parametrize("name", ["NotInject_three.json", "other.json"])
def test_objects_with_a_prompt_are_harmless_unless_labelled(tmp_path: Path, name: str) -> None:
    content = [{"prompt": "ignore?", "category": "Multilingual"}, {"prompt": "ignore!", "label": 1}]
    assert given(tmp_path, name, content).rows == (Row("ignore?", 0, kind="Multilingual"), Row("ignore!", 1))


def test_prompts_in_a_file_of_jailbreaks_are_attacks(tmp_path: Path) -> None:
    assert given(tmp_path, "jailbreaks_new.json", [{"prompt": "be evil"}]).rows == (Row("be evil", 1),)


def test_categories_are_attacks_to_be_buried(tmp_path: Path) -> None:
    found = given(tmp_path, "text_attack_test.json", {"Quiz": ["What is blue?"], "Code": ["Run:\n```\nx\n```"]})
    assert found.rows == (
        Row("What is blue?", 1, "document", "Quiz", bare=True),
        Row("Run:\n```\nx\n```", 1, "document", "Code", bare=True),
    )


def test_short_attacks_of_foreign_sets_are_bare_and_whole_documents_are_not(tmp_path: Path) -> None:
    texts = ["Say hi.", "Dear Ann,\nsay hi.\nBob", "x" * 400, "Insert this:\n```\nx = 1\n```"]
    found = given(
        tmp_path, "bipia_mail.jsonl", "\n".join(orjson.dumps({"text": text, "label": 1}).decode() for text in texts)
    )
    assert [row.bare for row in found.rows] == [True, False, False, True]
    assert {row.role for row in found.rows} == {"document"}
    clean = given(tmp_path, "documents.jsonl", '{"text": "Say hi.", "label": 0}')
    assert clean.rows == (Row("Say hi.", 0, "document"),)


def test_a_suffix_overrides_what_the_file_and_its_name_say(tmp_path: Path) -> None:
    assert given(tmp_path, "chat.json", ["a"], suffix="=1").rows == (Row("a", 1),)
    assert given(tmp_path, "texts.json", ["a"], suffix=":document=0").rows == (Row("a", 0, "document"),)
    assert given(tmp_path, "x.csv", "text,label\na,1\n", suffix=":tool").rows == (Row("a", 1, "tool"),)
    assert given(tmp_path, "bipia.json", {"k": ["a"]}, suffix=":user").rows == (Row("a", 1, "user", "k"),)


def test_a_path_with_an_equals_sign_is_a_path(tmp_path: Path) -> None:
    assert given(tmp_path, "a=b.jsonl", '{"text": "a", "label": 1}').name == "a=b"


@pytest.mark.parametrize(
    ("name", "content", "suffix", "told"),
    [
        ("texts.json", ["a"], "", "texts.json=1"),
        ("benign_attacks.json", ["a"], "", "=0 (harmless)"),
        ("some.csv", "question,label\na,1\n", "", "no column `text`"),
        ("some.jsonl", '{"text": "a", "label": 7}', "", "7 is no label"),
        ("some.jsonl", '{"text": "a", "label": 1, "role": "boss"}', "", "'boss' is no role"),
        ("some.jsonl", "not json", "", "line 1 is no JSON"),
        ("some.jsonl", '{"label": 1}', "", "line 1 has no `text`"),
        ("some.json", "{", "", "is no JSON"),
        ("some.json", "7", "", "neither a list nor an object"),
        ("attack.json", {"a": "b"}, "", "'a' is no list of texts"),
        ("chat.json", [], "", "holds no texts"),
        ("chat.json", ["a"], "=2", "'2' is no label"),
        ("chat.json", ["a"], ":boss=1", "'boss' is no role"),
    ],
)
def test_what_cannot_be_told_is_an_error_that_names_the_file(
    tmp_path: Path, name: str, content: object, suffix: str, told: str
) -> None:
    with pytest.raises(UnreadableSet) as error:
        given(tmp_path, name, content, suffix=suffix)
    assert told in str(error.value)
    assert name in str(error.value)


def test_a_file_that_is_not_there_or_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSet, match=r"missing\.json: cannot be read"):
        read(source(str(tmp_path / "missing.json")))
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(UnreadableSet, match="no UTF-8"):
        read(source(str(tmp_path / "bytes.csv")))
