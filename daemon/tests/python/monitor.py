"""Watching machines: counters by FreeBSD's names, snapshots as they come, decisions with their reasons, findings."""

import os
import select
import signal
import socket
import struct
import time

import varlink

from busdma import SOCKET, Connection, Error
from testbed import FOUR_GIB, PAGE, POOL, Host, refused

# Decisions that a reader makes the daemon produce before it reads on, and those kept for it meanwhile.
FLOOD, BACKLOG = 20_000, 8

# From reply to reply, for a reader that wants few.
INTERVAL_MS = 100


def main():
    client = varlink.Client.new_with_address(f"unix:{SOCKET}")
    with client.open("org.busdma.Engine") as engine, client.open("org.busdma.Monitor") as monitor:
        counters_have_freebsds_names(engine, monitor)
        snapshots_come_by_themselves(client, monitor)
        decisions_say_why(client, engine)
        a_slow_reader_loses_the_oldest(engine)
        replies_come_at_intervals(client, engine)
        findings_name_hazards(engine, monitor)
        streams_end_with_the_daemon(client, engine)


def counters_have_freebsds_names(engine, monitor):
    host = Host(engine)
    tag = host.tag(nsegments=POOL)
    first, second = [engine.CreateMap(tag=tag)["map"] for _ in range(2)]

    def snapshot(**parameters):
        (machine,) = monitor.Snapshot(machine=host.machine, **parameters)["machines"]
        return machine

    def zone():
        (zone,) = snapshot()["zones"]
        return zone

    fresh = {"total_bpages": POOL, "free_bpages": POOL, "reserved_bpages": 0, "active_bpages": 0, "waiters": 0}
    fresh |= {"active_bpages_max": 0, "total_bounced": 0, "total_deferred": 0, "total_deferred_time": 0}
    fresh |= {"zone": 0, "lowaddr": "0xffffffff", "alignment": PAGE, "map_count": 2}
    assert zone() == fresh, zone()

    assert host.load(first, POOL - 1) == "loaded"
    engine.Sync(map=first, ops=["prewrite"])
    engine.Sync(map=first, ops=["postread"])
    engine.Sync(map=first, ops=["preread"])
    assert host.load(second, 5) == "deferred"
    loaded = {"free_bpages": 0, "reserved_bpages": 1, "active_bpages": POOL - 1, "active_bpages_max": POOL - 1}
    assert zone() == fresh | loaded | {"total_bounced": 2, "waiters": 1}, zone()
    (waiter,) = snapshot()["waiters"]
    session = engine.Session()["session"]
    who = {"map": second, "tag": tag, "session": session, "zone": 0, "needed": 5, "reserved": 1}
    assert waiter == who | {"age_ns": waiter["age_ns"]}, waiter
    time.sleep(0.01)
    assert snapshot()["waiters"][0]["age_ns"] >= waiter["age_ns"] + 10_000_000

    machine = snapshot()
    states = [(each["map"], each["state"], each["bytes"]) for each in machine["maps"]]
    assert states == [(first, "loaded", (POOL - 1) * PAGE), (second, "deferred", 0)], states
    assert machine["maps_total"] == {"idle": 0, "deferred": 1, "loaded": 1}
    assert (machine["session"], machine["profile"], machine["memory_bytes"]) == (session, "freebsd-11", host.size)
    (info,) = machine["tags"]
    assert (info["tag"], info["maps"], info["zone"], info["nsegments"]) == (tag, 2, 0, POOL), info
    fewer = snapshot(limit=1)
    assert (len(fewer["maps"]), fewer["maps"][0]["map"], fewer["maps_total"]) == (1, first, machine["maps_total"])

    engine.Unload(map=first)
    resumed = zone()
    waited = resumed["total_deferred_time"]
    assert waited >= 10_000, resumed
    after = {"free_bpages": POOL - 5, "active_bpages": 5, "active_bpages_max": POOL - 1, "total_bounced": 2}
    assert resumed == fresh | after | {"total_deferred": 1, "total_deferred_time": waited}, resumed
    refused(engine.Load, map=first, request=host.request(POOL), wait="no_wait")
    machine = snapshot()
    assert (machine["loads"], machine["loads_failed"]) == (3, 1), machine
    latency = machine["latency"]
    assert (latency["load"]["count"], latency["sync"]["count"], latency["deferral"]["count"]) == (3, 2, 1), latency
    for each in latency.values():
        assert 0 < each["p50_ns"] <= each["p90_ns"] <= each["p99_ns"] <= each["p999_ns"] <= each["max_ns"], each
        assert sum(bin["count"] for bin in each["bins"]) == each["count"], each
        limits = [bin["upto_ns"] for bin in each["bins"]]
        assert limits == sorted(set(limits)) and all(limit & (limit + 1) == 0 for limit in limits), each
    assert latency["deferral"]["max_ns"] >= 10_000_000
    engine.DestroyMachine(machine=host.machine)
    assert refused(monitor.Snapshot, machine=host.machine) == ("NoSuchObject", {"object": host.machine})
    assert [each["machine"] for each in monitor.Snapshot()["machines"]] == ["host0"]


def snapshots_come_by_themselves(client, monitor):
    with client.open("org.busdma.Monitor") as stream:
        snapshots = stream.Watch(interval_ms=100, _more=True)
        times = [next(snapshots)["t_ns"] for _ in range(4)]
    # The first may be late, the others keep to the clock.
    assert times == sorted(times) and times[3] - times[0] >= 200_000_000, times
    too_short = refused(lambda: next(monitor.Watch(interval_ms=1, _more=True)))
    assert too_short == ("IntervalTooShort", {"interval_ms": 1, "limit_ms": 20}), too_short


class Decisions:
    """A stream of decisions, on a connection of its own."""

    def __init__(self, **filter):
        self.connection = Connection()
        self.connection.send("org.busdma.Monitor.Decisions", filter, more=True)

    def readable(self):
        return b"\0" in self.connection.buffer or select.select([self.connection], [], [], 0.3)[0]

    def next(self):
        reply, continues = self.connection.receive()
        assert continues
        return reply["decisions"], reply["lost"]

    def take(self, count):
        """The next few, none of them lost."""
        taken = []
        while len(taken) < count:
            decisions, lost = self.next()
            taken += decisions
            assert lost == 0
        return taken


def begin(operation, *streams):
    """Back when the streams are there: they say nothing until there is a decision, so some are brought about."""
    for stream in streams:
        while not stream.readable():
            operation()
    for stream in streams:
        while stream.readable():
            stream.next()


def decisions_say_why(client, engine):
    host = Host(engine)
    bounced, late = host.maps(2)
    (direct,) = host.maps(1, lowaddr="0xffffffffffffffff", maxsegsz=PAGE // 2)
    loads = Decisions(machine=host.machine, kinds=["bounced", "split"])
    only = Decisions(machine=host.machine, kinds=["bounced", "split"], map=direct)

    def once():
        for map in [bounced, direct]:
            assert host.load(map, 1) == "loaded"
            engine.Unload(map=map)

    begin(once, loads, only)
    once()
    heard = loads.take(4)
    said = [(each["kind"], each["map"], each["reason"], each["length"]) for each in heard]
    assert said == [
        ("bounced", bounced, "window (0xffffffff, 0xffffffffffffffff]", PAGE),
        ("split", bounced, "first", PAGE),
        ("split", direct, "first", PAGE // 2),
        ("split", direct, f"maxsegsz {PAGE // 2}", PAGE // 2),
    ], said
    assert (heard[0]["client"], heard[1]["addr"]) == (hex(FOUR_GIB), heard[0]["addr"]), heard
    assert heard[0]["session"] == engine.Session()["session"]
    assert only.take(2) == heard[2:]

    def wait():
        assert [host.load(bounced, POOL - 2), host.load(late, 3)] == ["loaded", "deferred"]
        engine.Unload(map=bounced)
        engine.Wait(map=late)
        engine.Unload(map=late)

    waits = Decisions(machine=host.machine, kinds=["deferred", "resumed"])
    begin(wait, waits)
    wait()
    deferred, resumed = waits.take(2)
    numbers = {"kind": "deferred", "map": late, "zone": 0, "needed": 3, "pages": 2, "ahead": 0}
    assert deferred == deferred | numbers, deferred
    assert resumed["kind"] == "resumed" and resumed["map"] == late and resumed["waited_ns"] > 0, resumed
    with client.open("org.busdma.Monitor") as stream:
        error, numbers = refused(lambda: next(stream.Decisions(kinds=["bounced", "bouncy"], _more=True)))
        assert (error, numbers["kind"]) == ("UnknownKind", "bouncy") and "bounced" in numbers["known"], numbers


def a_slow_reader_loses_the_oldest(engine):
    host = Host(engine)
    (map,) = host.maps(1)
    decisions = Decisions(map=map, kinds=["unloaded"], backlog=BACKLOG)
    cycle = [{"load": {"map": map, "request": host.request(1)}}, {"unload": {"map": map}}]
    begin(lambda: engine.Submit(operations=cycle), decisions)
    for _ in range(10):
        engine.Submit(operations=cycle * (FLOOD // 10))
    heard, lost, last = 0, 0, 0
    while heard + lost < FLOOD:
        batch, missing = decisions.next()
        assert len(batch) <= BACKLOG
        times = [each["t_ns"] for each in batch]
        assert times == sorted(times) and (not times or times[0] > last), batch
        heard, lost, last = heard + len(batch), lost + missing, times[-1] if times else last
    assert heard + lost == FLOOD and lost > 0 and heard >= BACKLOG, (heard, lost)
    # None but the newest were kept: the last of all is not among those that were lost.
    engine.Submit(operations=cycle)
    ((newest,), _) = decisions.next()
    assert newest["t_ns"] > last


def replies_come_at_intervals(client, engine):
    host = Host(engine)
    (map,) = host.maps(1)
    cycle = [{"load": {"map": map, "request": host.request(1)}}, {"unload": {"map": map}}]
    stream = Decisions(map=map, kinds=["unloaded"], backlog=BACKLOG, interval_ms=INTERVAL_MS)
    begin(lambda: engine.Submit(operations=cycle), stream)
    start, replies, heard, lost = time.monotonic(), 0, 0, 0
    sent = 0
    while time.monotonic() - start < 5 * INTERVAL_MS / 1000:
        engine.Submit(operations=cycle * (2 * BACKLOG))
        sent += 2 * BACKLOG
    while heard + lost < sent:
        batch, missing = stream.next()
        assert 0 < len(batch) <= BACKLOG, len(batch)
        replies, heard, lost = replies + 1, heard + len(batch), lost + missing
    elapsed = time.monotonic() - start
    assert (heard + lost, lost > 0) == (sent, True), (heard, lost, sent)
    # The first reply comes at once, and one more may have begun before the clock did.
    assert 2 <= replies <= elapsed / (INTERVAL_MS / 1000) + 2, (replies, elapsed)
    with client.open("org.busdma.Monitor") as stream:
        error, numbers = refused(lambda: next(stream.Decisions(interval_ms=1, _more=True)))
        assert (error, numbers["interval_ms"]) == ("IntervalTooShort", 1), (error, numbers)


def findings_name_hazards(engine, monitor):
    host = Host(engine)
    (map,) = host.maps(1)
    assert monitor.Findings(machine=host.machine) == {"findings": [], "lost": 0}
    # FreeBSD appends to the mapping, and both loads hold their bounce pages.
    assert [host.load(map, 1), host.load(map, 1), host.load(map, 1)] == ["loaded"] * 3
    (finding,) = monitor.Findings(machine=host.machine)["findings"]
    assert (finding["kind"], finding["map"], finding["count"]) == ("load_on_map_holding_pages", map, 2), finding
    assert finding["session"] == engine.Session()["session"] and finding["machine"] == host.machine
    assert finding["severity"] in ("warning", "error", "corruption") and finding["message"] and finding["advice"]
    assert finding["first_ns"] < finding["last_ns"]
    assert monitor.Findings()["findings"][0]["kind"] == finding["kind"]


def streams_end_with_the_daemon(client, engine):
    monitor = client.open("org.busdma.Monitor")
    snapshots = monitor.Watch(_more=True)
    next(snapshots)
    decisions = Decisions()
    tag = engine.CreateTag(template={"lowaddr": "0xffffffff", "maxsize": PAGE})["tag"]
    begin(lambda: engine.CreateMap(tag=tag), decisions)
    pid, _, _ = struct.unpack("3i", decisions.connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(pid, signal.SIGTERM)
    assert refused(lambda: [*snapshots]) == ("ShuttingDown", {})
    try:
        while True:
            decisions.next()
    except Error as error:
        assert error.name == "org.busdma.Monitor.ShuttingDown", error


main()
