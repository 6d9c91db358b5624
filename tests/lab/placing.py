"""Which worker of a pool is first at a queue: worker/placing.c once more, by who reads PROTOCOL.md."""
MASK, START = 2 ** 64 - 1, 0xcbf29ce484222325


def _hash(value, text):
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 & MASK
    return value


def tenure_place(host):
    """(file, byte) of a host's lock in state_dir/tenure; `host` by 32 hex digits."""
    value = _hash(START, host)
    return f"{value % 256:02x}", value // 256 * 2


def score(queue, worker):
    value = _hash(_hash(START, queue) * 31 & MASK, worker)
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        value = (value ^ value >> 33) * factor & MASK
    return value ^ value >> 33


def firsts(queues, workers):
    """{queue: the worker that is to consume from it}."""
    share, found, taken = -(-len(queues) // len(workers)), {}, {worker: 0 for worker in workers}
    for _, queue, worker in sorted(((score(q, w), q, w) for q in queues for w in workers), reverse=True):
        if queue not in found and taken[worker] < share:
            found[queue] = worker
            taken[worker] += 1
    return found


def in_order(queue, workers):
    """The workers of one queue, the first first."""
    return sorted(workers, key=lambda worker: score(queue, worker), reverse=True)
