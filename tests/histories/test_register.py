"""The checker itself: histories whose verdict is known."""

from __future__ import annotations

import random

import pytest
from register import Operation, linearizable, smallest


def op(kind: str, called: float, answered: float, value=None, told: str = "done", expected=None) -> Operation:
    return Operation(kind, called, answered, told, value, expected)


GOOD = {
    "nothing": [],
    "one after the other": [op("write", 0, 1, 1), op("read", 2, 3, 1), op("delete", 4, 5), op("read", 6, 7, None)],
    "a read beside a write sees the old": [op("write", 0, 1, 1), op("write", 2, 5, 2), op("read", 3, 4, 1)],
    "a read beside a write sees the new": [op("write", 0, 1, 1), op("write", 2, 5, 2), op("read", 3, 4, 2)],
    "two writes in either order": [op("write", 0, 5, 1), op("write", 1, 4, 2), op("read", 6, 7, 1)],
    "an unknown write took place": [op("write", 0, 2, 1, "unknown"), op("read", 3, 4, 1)],
    "an unknown write did not": [op("write", 0, 2, 1, "unknown"), op("read", 3, 4, None)],
    "one of two creates": [op("create", 0, 5, 1), op("create", 1, 4, 2, "refused"), op("read", 6, 7, 1)],
    "a create is refused by an unknown one": [
        op("create", 0, 2, 1, "unknown"),
        op("create", 3, 4, 2, "refused"),
        op("read", 5, 6, 1),
    ],
    "a replace of what is there": [op("write", 0, 1, 1), op("replace", 2, 3, 2, expected=1), op("read", 4, 5, 2)],
    "a replace of nothing": [op("replace", 0, 1, 2, "absent", expected=1)],
    "a deletion of what is there": [op("write", 0, 1, 1), op("delete if", 2, 3, expected=1), op("read", 4, 5, None)],
}

BAD = {
    "a read of what nobody wrote": [op("read", 0, 1, 1)],
    "a lost write": [op("write", 0, 1, 1), op("read", 2, 3, None)],
    "a stale read": [op("write", 0, 1, 1), op("write", 2, 3, 2), op("read", 4, 5, 1)],
    "new, then old": [op("write", 0, 1, 1), op("write", 2, 9, 2), op("read", 3, 4, 2), op("read", 5, 6, 1)],
    "two creates": [op("create", 0, 5, 1), op("create", 1, 4, 2)],
    "two replaces of the same": [
        op("write", 0, 1, 1),
        op("replace", 2, 5, 2, expected=1),
        op("replace", 3, 6, 3, expected=1),
    ],
    "a refused write took place": [
        op("write", 0, 1, 1),
        op("replace", 2, 3, 2, "refused", expected=9),
        op("read", 4, 5, 2),
    ],
    "a create is refused by nothing": [op("create", 0, 1, 1, "refused")],
    "an unknown write is undone": [
        op("write", 0, 2, 1, "unknown"),
        op("read", 3, 4, 1),
        op("read", 5, 6, None),
    ],
    "an unknown write comes after its death": [
        op("write", 0, 2, 1, "unknown"),
        op("read", 3, 4, None),
        op("read", 5, 6, 1),
    ],
    "412 where there is nothing": [op("replace", 0, 1, 2, "refused", expected=1)],
    "404 where there is something": [op("write", 0, 1, 1), op("replace", 2, 3, 2, "absent", expected=9)],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_a_register_does(name: str) -> None:
    assert linearizable(GOOD[name]) is not None


@pytest.mark.parametrize("name", BAD)
def test_what_no_register_does(name: str) -> None:
    assert linearizable(BAD[name]) is None
    assert linearizable(smallest(BAD[name])) is None


@pytest.mark.parametrize("seed", range(50))
def test_histories_of_a_register_are_found_out_when_changed(seed: int) -> None:
    """A register is simulated with overlapping calls; then one read is made to see what was overwritten before."""
    rng = random.Random(seed)
    state, history, overwritten, written = None, [], [], {}
    for number in range(300):
        at = number * 10
        called, answered = at - rng.randrange(40), at + rng.randrange(1, 40)
        kind = rng.choice(["read", "write", "create", "replace", "delete"])
        if kind == "read":
            history.append(op("read", called, answered, state))
            continue
        expected = state if rng.random() < 0.5 else 10_000
        holds = {"create": state is None, "replace": state is not None and state == expected}.get(kind, True)
        told = "done" if holds else "absent" if kind == "replace" and state is None else "refused"
        history.append(op(kind, called, answered, None if kind == "delete" else number, told, expected))
        if holds:
            # Only what was called after the write had its answer came after it in every order.
            if state is not None and called > written[state]:
                overwritten.append((state, answered))
            state = None if kind == "delete" else number
            written[number] = answered
    found = linearizable(history)
    assert found is not None and sorted(map(id, found)) == sorted(map(id, history))
    value, gone = overwritten[0]
    late = next(index for index, one in enumerate(history) if one.kind == "read" and one.called > gone)
    history[late] = op("read", history[late].called, history[late].answered, value)
    assert linearizable(history) is None
