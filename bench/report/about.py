"""What a report says of the machine and of what was measured."""
import datetime
import json
import os
import platform

from records import InputError, read_object


def first_line(path, name):
    """The value behind "name : value" (or name=value) in a file of the system."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                key, sign, value = line.partition("=" if "=" in line else ":")
                if sign and key.strip() == name:
                    return value.strip().strip('"')
    except OSError:
        pass
    return ""


def machine():
    memory = first_line("/proc/meminfo", "MemTotal").split(" ")[0]
    return {"cpu": first_line("/proc/cpuinfo", "model name") or platform.machine(),
            "cores": os.cpu_count() or 0,
            "memory": int(memory) * 1024 if memory.isdigit() else 0,
            "kernel": "%s %s" % (platform.system(), platform.release()),
            "os": first_line("/etc/os-release", "PRETTY_NAME")}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_about(path):
    """What the harness says of its build: {"versions": {...}, "build": {...}, "quick": bool}, each value a text."""
    about = read_object(path) if path else {}
    for name in ("versions", "build"):
        part = about.get(name, {})
        if not isinstance(part, dict) or not all(isinstance(value, str) for value in part.values()):
            raise InputError('%s: "%s" must be an object of texts, not %s' % (path, name, json.dumps(part)[:60]))
    if not isinstance(about.get("quick", False), bool):
        raise InputError('%s: "quick" must be true or false' % path)
    return about
