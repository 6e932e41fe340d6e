"""All prompt templates, read and checked once at the start."""

import tomllib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import minijinja
from pydantic import ValidationError

from streamguard.prompts.errors import InvalidTemplate, UnknownPrompt
from streamguard.prompts.template import Template


class PromptBook:
    """The templates by name and version. Immutable; every text in it compiles."""

    def __init__(self, templates: Iterable[Template]) -> None:
        """Raises `InvalidTemplate` when a text does not compile or a name and version comes twice."""
        self._templates: dict[str, dict[int, Template]] = {}
        self._texts: dict[str, str] = {}
        for template in templates:
            versions = self._templates.setdefault(template.name, {})
            if template.version in versions:
                raise InvalidTemplate(f"prompt {template.name}/{template.version} exists twice")
            versions[template.version] = template
            self._compile(template)

    @classmethod
    def load(cls, folder: Path) -> "PromptBook":
        """The templates of `folder`: `<name>/<version>.toml`.

        Raises `InvalidTemplate` naming the file and the key.
        """
        files = sorted(folder.glob("*/*.toml"))
        if not files:
            raise InvalidTemplate(f"{folder}: holds no prompts (<name>/<version>.toml)")
        return cls(_read(file) for file in files)

    def get(self, name: str, version: int | None = None) -> Template:
        """The template of that name, the newest without a `version`. Raises `UnknownPrompt`."""
        versions = self._templates.get(name)
        if versions is None:
            raise UnknownPrompt("unknown_prompt")
        template = versions.get(max(versions) if version is None else version)
        if template is None:
            raise UnknownPrompt("unknown_version")
        return template

    @property
    def templates(self) -> tuple[Template, ...]:
        return tuple(template for versions in self._templates.values() for template in versions.values())

    def text(self, template: Template, part: str, values: dict[str, str]) -> str:
        """The `system` or `user` text of a template with `values` in it. Raises minijinja's error for an undefined name,
        which loading has excluded."""
        return self._environment.render_template(_key(template, part), **values).strip()

    @cached_property
    def _environment(self) -> minijinja.Environment:
        return minijinja.Environment(
            templates=self._texts,
            undefined_behavior="strict",
            auto_escape_callback=lambda _: False,
            # Its errors quote values otherwise.
            debug=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def _compile(self, template: Template) -> None:
        allowed = {"system": {"canary", "fence"}, "user": {*template.variables, *template.optional}}
        for part, text in (("system", template.system), ("user", template.user)):
            if text is None:
                continue
            where = f"prompt {template.name}/{template.version}: {part}"
            try:
                names = set(minijinja.Environment().undeclared_variables_in_str(text))
            except minijinja.TemplateError as error:
                raise InvalidTemplate(f"{where}: is no valid Jinja text ({error.kind}, line {error.line})") from None
            if unknown := names - allowed[part]:
                raise InvalidTemplate(f"{where}: uses {', '.join(sorted(unknown))}, which is not listed in variables")
            if part == "user" and (unused := set(template.variables) - names):
                raise InvalidTemplate(f"{where}: does not use the variable {', '.join(sorted(unused))}")
            self._texts[_key(template, part)] = text


def _key(template: Template, part: str) -> str:
    return f"{template.name}/{template.version}/{part}"


def _read(file: Path) -> Template:
    try:
        template = Template(**tomllib.loads(file.read_text()))
    except OSError as error:
        raise InvalidTemplate(f"{file}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidTemplate(f"{file}: is no valid TOML ({error})") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'template'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        )
        raise InvalidTemplate(f"{file}: {problems}") from None
    if (file.parent.name, file.stem) != (template.name, str(template.version)):
        raise InvalidTemplate(
            f"{file}: says name {template.name!r} and version {template.version}; the path says otherwise"
        )
    return template
