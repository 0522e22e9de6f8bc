"""What is known of each metric: its unit, which way is better, and when two runs of it differ."""
from dataclasses import dataclass

QUARTILES = "quartiles"  # it differs where the ranges between the quartiles do not overlap
PERCENT = "percent"      # it repeats, so it differs from one per cent on
EXACT = "exact"          # it is a count, so any difference is one


@dataclass(frozen=True)
class Metric:
    name: str      # for a person
    unit: str      # as records have it
    better: str    # "lower", "higher", or "" where neither is
    differs: str   # one of the three above


METRICS = {
    "time": Metric("time", "us", "lower", QUARTILES),
    "rate": Metric("rate", "1/s", "higher", QUARTILES),
    "instructions": Metric("instructions", "instructions", "lower", PERCENT),
    "own_instructions": Metric("own instructions", "instructions", "lower", PERCENT),
    "allocations": Metric("allocations", "allocations", "lower", EXACT),
    "own_allocations": Metric("own allocations", "allocations", "lower", EXACT),
    "system_calls": Metric("system calls", "calls", "lower", EXACT),
    "heap": Metric("heap", "bytes", "lower", PERCENT),
    "own_heap": Metric("own heap", "bytes", "lower", PERCENT),
    "peak": Metric("peak heap", "bytes", "", PERCENT),  # it depends on when the peer answers
    "rss": Metric("resident memory", "bytes", "lower", QUARTILES),
    "own_peak": Metric("own peak heap", "bytes", "lower", PERCENT),
    "kept": Metric("kept of the peer", "bytes", "lower", PERCENT),
    "latency": Metric("latency", "s", "lower", QUARTILES),
    "cpu": Metric("CPU time", "s", "lower", QUARTILES),
    "resumed": Metric("resumed", "phones", "", EXACT),
    "turned_away": Metric("turned away", "attempts", "", QUARTILES),
    "failed": Metric("failed", "attempts", "lower", EXACT),
    "lost": Metric("lost", "phones", "lower", EXACT),
    "most_tries": Metric("most tries of a phone", "attempts", "lower", QUARTILES),
    "text": Metric("code", "bytes", "lower", PERCENT),
    "machine_code": Metric("machine code", "bytes", "lower", PERCENT),
}


def metric(name, unit=""):
    """A metric that is not in the table is shown, and compared by its quartiles, but nothing is called better."""
    return METRICS.get(name) or Metric(name.replace("_", " "), unit, "", QUARTILES)


LIBRARIES = ("openssl", "mbedtls", "wolfssl")
LIBRARY_NAMES = {"openssl": "OpenSSL", "mbedtls": "mbedTLS", "wolfssl": "wolfSSL"}


def library_of(subject):
    """The TLS library under a subject, or None. SIP software that others wrote has OpenSSL under it on Debian."""
    for library in LIBRARIES:
        if subject.endswith("-" + library):
            return library
    return None if subject.startswith("siptls") else "openssl"


# Which way to read a figure, said at every chart.
READING = {"lower": "lower is better", "higher": "higher is better", "": "neither way is better"}
