"""Write the table of docs/rules.md from the rules themselves; `--check` says whether it is up to date."""

import sys

from packages import ROOT

from qa_engine.engine import discover
from qa_engine.rule import AnyParameter, Rule, TextParameter

PAGE = ROOT / "docs" / "rules.md"
BEGIN, END = "<!-- rules: written by tools/rules.py -->", "<!-- end of rules -->"


def table() -> str:
    """Every rule with its parameters, by id."""
    rows = ["| rule | on | severity | what it checks | parameters |", "|---|---|---|---|---|"]
    return "\n".join([*rows, *map(_row, discover())])


def _row(rule: Rule) -> str:
    on = "yes" if rule.enabled else "no"
    needs = "".join(f" Needs {need.lower()}." for need in sorted(rule.needs))
    parameters = "<br>".join(map(_parameter, rule.parameters))
    cells = (f"`{rule.id}`", on, rule.severity, rule.description + needs, parameters)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _parameter(parameter: AnyParameter) -> str:
    if isinstance(parameter, TextParameter):
        default = ", ".join(parameter.default) or "none"
    else:
        default = f"{parameter.default:g}"
    return f"`{parameter.name}` = {default}: {parameter.description}"


def page(before: str) -> str:
    """The page with the table as it should be; raises ValueError without the marks around it."""
    head, _, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE} lacks the marks around the table")
    return f"{head}{BEGIN}\n\n{table()}\n\n{END}{tail}"


def main() -> int:
    """Write the page, or say that it is not up to date."""
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if "--check" in sys.argv[1:]:
        if after != before:
            print("docs/rules.md is not up to date: python tools/rules.py", file=sys.stderr)
        return int(after != before)
    PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
