"""One file for each group of rules; each has cases(), which makes the group's list."""

import importlib

_NAMES = (
    "paths",
    "validity",
    "names",
    "issuers",
    "usage",
    "constraints",
    "policies",
    "extensions",
    "form",
    "algorithms",
    "identity",
)


def _cases_of(name):
    def make():
        rule = importlib.import_module(f"rules.{name}")
        found = rule.cases()
        ids = [case.id for case in found]
        assert len(set(ids)) == len(ids), f"{name}: {[i for i in ids if ids.count(i) > 1]}"
        return found

    return make


ALL = {name: _cases_of(name) for name in _NAMES}
