"""The one question of all these tests: after whatever happened, does everything hold that must hold?

`check` is asked once the program has settled. It compares the world with the model and collects all that is broken.
"""

import json
import os
import time

from world import ENDS

OURS = {".work", "preview"}
FILES = {"progress.json", "report.html", "rejects.csv", "errors.csv"}


def check(test, world, stopped=False, settle=60, foreign=(), patience=5, any_order=False):
    """All invariants.

    test: the unittest case, which fails with a list of what is broken.
    stopped: the program has ended, so that nothing of it may be left in the server either.
    settle: how many seconds it may take until nothing is left to be done; 0 if that is known.
    foreign: names in the inbox that are no drops and stay where they are.
    patience: seconds after which what is left over must be gone: a program that has just started may be about to
        remove it, and recovery looks every half minute.
    any_order: a file could not be looked at, so the order in which files became ready is not that of the drops.
    """
    if settle:
        world.settle(settle)
    if any_order:
        world.take_order_from_imports()
    deadline = time.monotonic() + patience
    while broken := _all(world, stopped, foreign):
        if time.monotonic() >= deadline:
            break
        time.sleep(1)
    if broken:
        shown = "\n".join(broken[:25])
        test.fail(f"{len(broken)} broken:\n{shown}\n--- log\n{world.log()[-6000:]}")


def _all(world, stopped, foreign):
    return (imports(world) + products(world) + files(world, foreign) + events(world) + left_over(world, stopped)
            + [f"progress file: {problem}" for problem in world.progress.problems])


def imports(world):
    """One row for each drop, in the order of the drops, with the model's numbers."""
    rows = world.sql(
        "SELECT id, encode(file_bytes, 'hex'), state, read, created, updated, unchanged, duplicates, rejected, "
        "coalesce(error_code, ''), coalesce(sha256, ''), attempt_open, filed_at IS NOT NULL, dry_run "
        "FROM imports ORDER BY id")
    broken = []
    names = [bytes.fromhex(row[1]) for row in rows]
    expected = [drop.name for drop in world.drops]
    if names != expected:
        broken.append(f"{len(names)} imports of {len(expected)} drops; the first that differs: "
                      f"{next(((a, b) for a, b in zip(names, expected) if a != b), None)}")
        return broken
    world.ids = [row[0] for row in rows]
    for row, drop in zip(rows, world.drops):
        numbers = dict(zip(("read", "created", "updated", "unchanged", "duplicates", "rejected"), map(int, row[3:9])))
        shown = f"{drop.name!r} ({row[0]})"
        if row[2] not in drop.states:
            broken.append(f"{shown} is {row[2]} ({row[9]}), not {' or '.join(drop.states)}")
            continue
        if row[11] != "f" or row[12] != "t":
            broken.append(f"{shown} is still open")
        if row[2] == "completed":
            if numbers != drop.expected:
                broken.append(f"{shown}: {numbers}, not {drop.expected}")
            if row[10] != drop.sha256:
                broken.append(f"{shown} has read other bytes than were dropped")
        else:
            if numbers["created"] + numbers["updated"] + numbers["unchanged"]:
                broken.append(f"{shown} has {row[2]}, but counts {numbers}")
            if drop.error and row[9] != drop.error:
                broken.append(f"{shown} failed with {row[9]}, not {drop.error}")
        if (row[13] == "t") != drop.dry_run:
            broken.append(f"{shown}: dry_run is {row[13]}")
    return broken


def products(world):
    """Exactly the products that the model has."""
    there = world.cluster.copy(
        world.database, "SELECT sku, name, description, active FROM products ORDER BY lower(sku) COLLATE \"C\"")
    expected = world.model.as_copy()
    if there == expected:
        return []
    different = [pair for pair in zip(there.split(b"\n"), expected.split(b"\n")) if pair[0] != pair[1]]
    return [f"products: {there.count(b'%c' % 10)} there, {expected.count(b'%c' % 10)} expected, "
            f"first difference {different[:1]}"]


def files(world, foreign=()):
    """Each dropped file in exactly one place, with its bytes; the other files beside it, complete."""
    broken = []
    ids = getattr(world, "ids", [])
    newest = {}
    for identity, drop in zip(ids, world.drops):
        folder = os.fsencode(f"{world.outbox}/{identity}")
        name = b"source-" + drop.name if drop.name.decode(errors="replace") in FILES | {"facts.json"} else drop.name
        shown = f"{drop.name!r} ({identity})"
        try:
            with open(folder + b"/" + name, "rb") as file:
                if file.read() != drop.content:
                    broken.append(f"{shown}: the kept file has other bytes")
        except OSError as error:
            broken.append(f"{shown}: the dropped file is not in its folder: {error}")
            continue
        there = set(os.listdir(folder))
        for needed in (b"progress.json", b"report.html"):
            if needed not in there:
                broken.append(f"{shown}: {needed.decode()} is missing")
        progress = _read(folder + b"/progress.json")
        if progress is None or progress["state"] not in ENDS or progress["id"] != identity:
            broken.append(f"{shown}: progress.json is {progress}")
            continue
        text = name.decode(errors="replace") if _is_utf8(name) else ""
        if progress["files"]["source"] != f"{identity}/{text}":
            broken.append(f"{shown}: files.source is {progress['files']['source']!r}")
        if bool(progress["files"]["rejects"]) != (b"rejects.csv" in there) or \
                (b"rejects.csv" in there) != (b"errors.csv" in there):
            broken.append(f"{shown}: rejects: {progress['files']}, {sorted(there)}")
        newest[(drop.name, drop.dry_run)] = progress
    for (name, dry_run), progress in newest.items():
        try:
            text = name.decode()
        except UnicodeDecodeError:
            text = None
        plain = text is not None and len(name) + 5 <= 255 and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text)
        pointer = f"{world.outbox}/{'preview/' if dry_run and plain else ''}{text if plain else progress['id']}.json"
        if _read(os.fsencode(pointer)) != progress:
            broken.append(f"the pointer {pointer!r} is not the progress object of the newest drop")
    # Nothing anywhere else.
    for top, folders, names in os.walk(os.fsencode(world.inbox)):
        relative = os.path.relpath(top, os.fsencode(world.inbox))
        for name in names + folders:
            path = os.path.normpath(os.path.join(relative, name))
            if path in (b".work", b"preview", b".work/preview", b".work/.lock", b".work/.id") or \
                    path in foreign or path.split(b"/")[0] in foreign:
                continue
            broken.append(f"left in the inbox: {path!r}")
    expected = set(ids) | {"preview", "index.html"}
    for name in os.listdir(world.outbox):
        if name not in expected and not name.endswith(".json") and not name == ".work":
            broken.append(f"left in the outbox: {name!r}")
    return broken


def events(world):
    """One event for each ended import; delivered at least once, each time the same bytes under the same id."""
    if not world.has_webhook:
        return []
    broken = []
    rows = world.sql("SELECT import_id, id, type FROM webhook_events WHERE import_id IS NOT NULL ORDER BY import_id")
    if [row[0] for row in rows] != getattr(world, "ids", []):
        broken.append(f"{len(rows)} events of {len(world.drops)} imports")
    deliveries = world.sql("SELECT event_id, state, lease IS NULL FROM webhook_deliveries")
    if len(deliveries) != len(rows) or any(row[1] != "delivered" or row[2] != "t" for row in deliveries):
        broken.append(f"deliveries: {[row for row in deliveries if row[1:] != ['delivered', 't']][:3]}, "
                      f"{len(deliveries)} for {len(rows)} events")
    for row in rows:
        identity = row[1].replace("-", "")
        bodies = [bodies for key, bodies in list(world.receiver.events.items())
                  if identity in (key or "").replace("-", "")]
        if not bodies:
            broken.append(f"the event {row[1]} of {row[0]} never arrived")
        elif len(set(bodies[0])) != 1:
            broken.append(f"the event {row[1]} arrived with different bytes")
        elif json.loads(bodies[0][0])["data"]["id"] != row[0]:
            broken.append(f"the event {row[1]} tells of another import")
    return broken


def left_over(world, stopped):
    """No temporary files, no backends at work, no locks."""
    broken = []
    for root in (world.outbox, world.inbox):
        for top, _, names in os.walk(root):
            for name in names:
                if name.endswith((".tmp", ".new")) or (name.startswith(".") and name not in (".lock", ".id")):
                    if top != world.inbox and not _is_being_replaced(f"{top}/{name}"):
                        broken.append(f"temporary file {os.path.relpath(f'{top}/{name}', world.folder)}")
    condition = "" if stopped else " AND state <> 'idle'"
    query = ("SELECT pid, state, left(query, 80) FROM pg_stat_activity WHERE datname = current_database() "
             f"AND pid <> pg_backend_pid() AND backend_type = 'client backend'{condition}")
    locks = ("SELECT locktype, pid FROM pg_locks WHERE locktype = 'advisory' AND "
             "database = (SELECT oid FROM pg_database WHERE datname = current_database())")
    for what, statement in (("backend", query), ("advisory lock", locks)):
        deadline = time.monotonic() + 10
        while (rows := world.sql(statement)) and time.monotonic() < deadline:
            time.sleep(0.05)
        broken += [f"{what}: {row}" for row in rows]
    return broken


def _is_being_replaced(path):
    """The overview is written again and again while the program runs: what is gone a moment later is none."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        if not os.path.lexists(path):
            return True
        time.sleep(0.05)
    return False


def _is_utf8(name):
    try:
        name.decode()
        return True
    except UnicodeDecodeError:
        return False


def _read(path):
    try:
        with open(path, "rb") as file:
            return json.load(file)
    except (OSError, ValueError):
        return None
