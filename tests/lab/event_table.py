"""The events as PROTOCOL.md has them, and as the code has them: nothing here needs the rest of the lab."""
import os
import re

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEY = ("vmUuid", "purpose", "keyVersion", "usageInstance")
ALWAYS = ("event", "hostUuid", "worker", "createdTime")
WORDS = {"KEY": "key", "SECRET": "secretUuid", "MIGRATION": "migrationId", "REASON": "reason"}


def read(path):
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return f.read()


def documented():
    """{event: (what it always has, what it may have)}, in PROTOCOL.md's order and words."""
    section = read("PROTOCOL.md").partition("\n## Events\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", section, re.MULTILINE)

    def fields(cell):
        return tuple(word.strip(" `") for word in re.sub(r" ?\([^)]*\)", "", cell).split(",") if word.strip())
    return {event: (fields(must), fields(may)) for event, must, may in rows}


def coded():
    """The same out of schemas/host_event.c."""
    rows = re.findall(r'\[HOST_EVENT_\w+\] *= \{ "([a-z-]+)", *([A-Z0 |]+), *([A-Z0 |]+) \}', read("schemas/host_event.c"))

    def fields(flags):
        return tuple(WORDS[flag] for flag in flags.replace(" ", "").split("|") if flag != "0")
    return {event: (fields(must), fields(may)) for event, must, may in rows}


def names(fields):
    """As they are on the wire: key is four of them."""
    return {name for field in fields for name in (KEY if field == "key" else (field,))}


def complaint_about(fields, table):
    """What is wrong with the fields of an event that came; None: nothing."""
    if fields.get("event") not in table:
        return f"no such event: {fields}"
    must, may = table[fields["event"]]
    missing = names(must).union(ALWAYS).difference(fields)
    strange = set(fields).difference(ALWAYS, names(must), names(may))
    return f"{fields['event']} lacks {missing} and has {strange}: {fields}" if missing or strange else None
