"""Is a history of one key linearizable? The search of Wing and Gong, with Lowe's memory of what was tried.

**The model.** A key is a register: it holds one value or none. Every write carries a body of its own, so that an ETag
names one write. What an operation may answer in a state, and what it leaves, is `Operation.apply`.

**The question.** A history is linearizable if every operation can be given a moment between its call and its answer at
which it happens at once and whole, so that the answers are those of a register (Herlihy and Wing, 1990). They show,
too, that a system is linearizable if each of its objects is. So each key is checked by itself.

**The search.** Of the operations that are not placed yet, only those may come next that were called before the first
of the others had its answer: anything else would turn round an order that a client saw. Each of them is tried; if the
register would not have answered so, it cannot come next. What matters for the rest of the search is which operations
are placed and what the register holds, so a pair that was met once is not tried again (Lowe, 2017).

**Unknown outcomes.** A client whose connection breaks does not know whether its write took place. Here connections
break only when the server is killed; a dead process changes nothing any more. So the write took place before the
death, or never: its answer, at the time of death, may be either. A read without an answer says nothing, and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

# The register holds the number of a write, or nothing.
State = int | None


@dataclass(frozen=True)
class Operation:
    """What a client asked, when, and what it was told.

    `kind` is `read`, `write`, `create` (only if there is nothing), `replace` (only if it holds `expected`), `delete`
    or `delete if` (it holds `expected`). `told` is `done`, `refused` (a condition was false), `absent` (404), or
    `unknown`; of a read it is `done` with the `value` that was read.
    """

    kind: str
    called: float
    answered: float
    told: str
    value: State = None
    expected: State = None

    def apply(self, state: State) -> list[State]:
        """What the register may hold afterwards; nothing where it would not have answered so."""
        if self.kind == "read":
            return [state] if state == self.value else []
        holds = {
            "write": True,
            "delete": True,
            "create": state is None,
            "replace": state is not None and state == self.expected,
            "delete if": state is not None and state == self.expected,
        }[self.kind]
        after = None if self.kind.startswith("delete") else self.value
        if self.told == "unknown":
            return [after, state] if holds and after != state else [state]
        if self.told == "done":
            return [after] if holds else []
        if holds:
            return []
        # 404 says that there is nothing, 412 that there is something else.
        return [state] if (self.told == "absent") == (state is None) else []


def linearizable(history: list[Operation], initial: State = None) -> list[Operation] | None:
    """An order that explains the history; none where there is none."""
    operations = sorted(history, key=lambda operation: operation.called)
    # Placed: all before `first`, and those in `beyond`.
    start = (0, frozenset(), initial)
    came: dict[tuple, tuple[tuple, int] | None] = {start: None}
    stack = [start]
    while stack:
        here = stack.pop()
        first, beyond, state = here
        if first == len(operations):
            return order(operations, came, here)
        deadline = float("inf")
        candidates = []
        for index in range(first, len(operations)):
            if index in beyond:
                continue
            if operations[index].called > deadline:
                break
            candidates.append(index)
            deadline = min(deadline, operations[index].answered)
        # The search goes on with the last one pushed: try the one that was answered first.
        candidates = [index for index in candidates if operations[index].called <= deadline]
        candidates.sort(key=lambda index: -operations[index].answered)
        for index in candidates:
            for after in operations[index].apply(state):
                placed = beyond | {index}
                begin = first
                while begin in placed:
                    placed -= {begin}
                    begin += 1
                there = (begin, placed, after)
                if there not in came:
                    came[there] = (here, index)
                    stack.append(there)
    return None


def order(operations: list[Operation], came: dict, end: tuple) -> list[Operation]:
    found = []
    while step := came[end]:
        end, index = step
        found.append(operations[index])
    return found[::-1]


def smallest(history: list[Operation]) -> list[Operation]:
    """The shortest beginning of the history that is not linearizable: what to look at first."""
    by_answer = sorted(history, key=lambda operation: operation.answered)
    low, high = 0, len(by_answer)
    while high - low > 1:
        middle = (low + high) // 2
        if linearizable(beginning(history, by_answer[middle - 1].answered)) is None:
            high = middle
        else:
            low = middle
    return beginning(history, by_answer[high - 1].answered)


def beginning(history: list[Operation], until: float) -> list[Operation]:
    """What was known at that time: later answers are unknown still, later reads are none."""
    found = []
    for operation in history:
        if operation.answered <= until:
            found.append(operation)
        elif operation.called <= until and operation.kind != "read":
            found.append(replace(operation, told="unknown"))
    return found
