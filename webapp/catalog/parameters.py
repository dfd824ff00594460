"""What a form and a page may say of a strategy's parameters, read out of the `Params` class itself."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ValidationError

Kind = Literal["integer", "number", "integers", "boolean", "choice", "text", "prose", "corpus"]
_KINDS: dict[str, Kind] = {"integer": "integer", "number": "number", "boolean": "boolean", "string": "text"}

LONG = 1_000
"""A text that may have so many characters is prose: it may be empty, and has lines."""


class Parameter(NamedTuple):
    """One setting: what it is called, what it may be."""

    name: str
    title: str
    help: str
    kind: Kind
    default: Any
    low: float | None = None
    """Smallest value; of each number where the kind is `integers`."""
    high: float | None = None
    above: bool = False
    """True when `low` itself is refused."""
    choices: tuple[Any, ...] = ()
    most: int | None = None
    """Most numbers of a list, or characters of a prose text."""
    may_be_empty: bool = False

    @property
    def range(self) -> str:
        """Return the allowed values in words."""
        if self.kind == "choice":
            return f"{len(self.choices)} kinds"
        if self.kind == "boolean":
            return "yes or no"
        if self.kind == "corpus":
            return "one of those that were uploaded"
        if self.kind == "prose":
            return f"at most {self.most:,} characters"
        limits = _limits(self)
        return f"each {limits}" if self.kind == "integers" else limits

    @property
    def shown_choices(self) -> list[str]:
        """Return the choices as a person reads them."""
        return [show_value(choice) for choice in self.choices]

    @property
    def shown_default(self) -> str:
        """Return the default as a person writes it."""
        return show_value(self.default)


@cache
def read_parameters(settings: type[BaseModel]) -> tuple[Parameter, ...]:
    """Return every field of a settings class, in order."""
    schema = settings.model_json_schema()
    named = schema.get("$defs", {})
    return tuple(
        _read(name, _inlined(field, named), settings.model_fields[name].get_default(call_default_factory=True))
        for name, field in schema.get("properties", {}).items()
    )


def show_value(value: Any) -> str:
    """Return a value as a person writes it.

    >>> show_value((8, 4, 1)), show_value(1024), show_value("top_k"), show_value(True), show_value(0.8)
    ('8, 4, 1', '1,024', 'top k', 'yes', '0.8')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return value.replace("_", " ") if isinstance(value, str) else str(value)


def explain_faults(error: ValidationError, parameters: Sequence[Parameter]) -> dict[str, list[str]]:
    """Return by parameter what a person should enter instead; faults of the whole stand under the empty name."""
    by_name = {parameter.name: parameter for parameter in parameters}
    faults: dict[str, list[str]] = {}
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        faults.setdefault(name, []).append(_explain(dict(fault), by_name.get(name)))
    return {name: list(dict.fromkeys(texts)) for name, texts in faults.items()}


def _explain(fault: dict[str, Any], parameter: Parameter | None) -> str:
    kind, given = fault["type"], fault.get("input")
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if parameter is None:
        return f"{fault['msg']}."
    if kind in ("too_short", "too_long", "string_too_long"):
        return _explain_length(kind, given, parameter)
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        size = "large" if kind.startswith("less") else "small"
        each = "every number " if parameter.kind == "integers" else ""
        return f"Enter {each}{_limits(parameter)}; {show_value(given)} is too {size}."
    if kind in ("literal_error", "enum"):
        return f"Choose one of: {', '.join(show_value(choice) for choice in parameter.choices)}."
    return f"{fault['msg']}."


def _explain_length(kind: str, given: Any, parameter: Parameter) -> str:
    if kind == "string_too_long":
        return f"Enter at most {parameter.most:,} characters; these are {len(given):,}."
    wanted = f"at most {parameter.most}" if kind == "too_long" else "at least 1"
    return f"Enter {wanted} numbers, e.g. {parameter.shown_default}."


def _limits(parameter: Parameter) -> str:
    low = None if parameter.low is None else show_value(_plain(parameter.low))
    high = None if parameter.high is None else show_value(_plain(parameter.high))
    if low is not None and high is not None:
        return f"above {low}, up to {high}" if parameter.above else f"{low} to {high}"
    if low is not None:
        return f"above {low}" if parameter.above else f"{low} or more"
    return "any" if high is None else f"{high} or less"


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def _inlined(field: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return the field's schema with the part behind `$ref` or `X | None` lifted into it."""
    options = field.get("anyOf") or field.get("allOf") or ([field] if "$ref" in field else [])
    real = [option for option in options if option.get("type") != "null"]
    if not real:
        return field
    reference = real[0].get("$ref", "")
    inner = named.get(reference.rsplit("/", 1)[-1], real[0]) if reference else real[0]
    return {**inner, **field, "may_be_empty": len(real) < len(options)}


def _read(name: str, field: dict[str, Any], default: Any) -> Parameter:
    items = _first_item(field)
    limits = items or field
    return Parameter(
        name=name,
        title=field.get("title", name),
        help=field.get("description", ""),
        kind=_kind(field, items),
        default=default,
        low=limits.get("minimum", limits.get("exclusiveMinimum")),
        high=limits.get("maximum", limits.get("exclusiveMaximum")),
        above="exclusiveMinimum" in limits,
        choices=tuple(field.get("enum", (field["const"],) if "const" in field else ())),
        most=field.get("maxItems", field.get("maxLength")),
        may_be_empty=field.get("may_be_empty", False),
    )


def _first_item(field: dict[str, Any]) -> dict[str, Any]:
    if field.get("type") != "array":
        return {}
    items = field.get("items") or (field.get("prefixItems") or [{}])[0]
    return items if isinstance(items, dict) else {}


def _kind(field: dict[str, Any], items: dict[str, Any]) -> Kind:
    if field.get("format") == "corpus":
        return "corpus"
    if "enum" in field or "const" in field:
        return "choice"
    if items.get("type") == "integer":
        return "integers"
    if field.get("maxLength", 0) >= LONG:
        return "prose"
    return _KINDS.get(field.get("type", ""), "text")
