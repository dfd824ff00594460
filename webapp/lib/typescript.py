"""TypeScript from the JSON schema of pydantic classes: only what our events use, anything else is refused."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def declare(schema: Schema, *, union: str) -> str:
    """Return one interface per class, with its documentation, and their union under the name `union`.

    A named tuple is a tuple type.

    Every field is present in what the server sends, defaults included, so none is optional.
    Raises ValueError for a schema it has no words for.
    """
    parts = [_declare(name, body) for name, body in schema["$defs"].items()]
    members = " | ".join(_reference(option) for option in schema["oneOf"])
    return "\n\n".join([*parts, f"export type {union} = {members};"]) + "\n"


def _declare(name: str, body: Schema) -> str:
    comment = _comment(body.get("description", ""), indent="")
    if "properties" not in body:
        return "\n".join([*comment, f"export type {name} = {type_of(body)};"])
    fields = [line for field, kind in body["properties"].items() for line in _field(field, kind)]
    return "\n".join([*comment, f"export interface {name} {{", *fields, "}"])


def _field(name: str, body: Schema) -> list[str]:
    return [*_comment(body.get("description", ""), indent="  "), f"  {name}: {type_of(body)};"]


def _comment(text: str, *, indent: str) -> list[str]:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if not lines:
        return []
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}" for line in lines), f"{indent} */"]


def type_of(body: Schema) -> str:
    """Return the TypeScript type of a JSON schema.

    >>> type_of({"anyOf": [{"type": "string"}, {"type": "null"}]})
    'string | null'
    >>> type_of({"type": "array", "items": {"type": "string"}})
    'string[]'
    >>> type_of({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "integer"}]})
    '[number, number]'
    """
    if "$ref" in body:
        return _reference(body)
    if "const" in body:
        return f'"{body["const"]}"'
    if "enum" in body:
        return " | ".join(f'"{value}"' for value in body["enum"])
    if "anyOf" in body:
        return " | ".join(type_of(option) for option in body["anyOf"])
    if body.get("type") == "array":
        return _array(body)
    if body.get("type") in _SCALARS:
        return _SCALARS[body["type"]]
    raise ValueError(f"No TypeScript for the schema {dict(body)}.")


def _array(body: Schema) -> str:
    if "prefixItems" in body:
        return "[" + ", ".join(type_of(item) for item in body["prefixItems"]) + "]"
    item = type_of(body["items"])
    return f"({item})[]" if " " in item and not item.startswith("[") else f"{item}[]"


def _reference(body: Schema) -> str:
    return str(body["$ref"]).rsplit("/", 1)[-1]
