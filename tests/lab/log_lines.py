"""Lines of a worker's log, read as strictly as those who collect them do."""
import json
import re

# go-logfmt, which Loki and others use: keys without blanks, '=' and '"'; a value without them, or quoted as JSON quotes.
PAIR = re.compile(r'([^\s="\\]+)=("(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"|[^\s="\\]*)(?: |$)')
PRIORITY = re.compile(r"<[3467]>")


def parse_logfmt(line):
    pairs, at = [], 0
    while at < len(line):
        pair = PAIR.match(line, at)
        if not pair:
            raise ValueError(f"not logfmt from character {at} on: {line}")
        value = pair[2]
        pairs.append((pair[1], json.loads(value) if value.startswith('"') else value))
        at = pair.end()
    return pairs


def parse(line):
    """The fields of one line, in either form. ValueError where it is none."""
    line = PRIORITY.sub("", line, count=1) if PRIORITY.match(line) else line
    pairs = json.loads(line, object_pairs_hook=list) if line.startswith("{") else parse_logfmt(line)
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError(f"a key is there twice: {line}")
    for key in ("ts", "level", "event"):
        if key not in fields:
            raise ValueError(f"no {key}: {line}")
    return fields


def complaint_about(data):
    """What is wrong with a log, bytes as they are in the file; None: nothing. What a program says before it logs is
    passed over."""
    for line in data.split(b"\n")[:-1]:
        if line.startswith(b"keyferryd: "):
            continue
        try:
            parse(line.decode())
        except ValueError as e:
            return str(e)
    return None
