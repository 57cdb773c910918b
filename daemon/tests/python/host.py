"""The host's interface of a daemon with probes: attached, detached, attached anew, and events of real block I/O.

Where the kernel or a missing right keeps the probes off, each of them says why.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import varlink

from busdma import SOCKET, Connection
from testbed import refused

PATIENCE = 20


def main():
    with varlink.Client.new_with_address(f"unix:{SOCKET}") as client:
        with client.open("org.busdma.Host") as host:
            probes = host.Probes()
            every_probe_has_a_state(probes)
            if probes["state"] == "unavailable":
                assert probes["reason"] and probes["advice"], probes
                assert refused(host.Attach)[0] == "CannotAttach"
                return
            assert probes["state"] == "attached", probes
            io_is_seen(host)
            what_was_seen_is_counted(host)
            it_can_be_watched()
            events_are_recorded(client, host)
            detached_and_attached_anew(host)
            one_device_only(host)


def every_probe_has_a_state(probes):
    assert len(probes["probes"]) >= 27, probes
    for probe in probes["probes"]:
        running = probe["state"] in ("attached", "disabled")
        assert running or probe["reason"], probe
        assert probe["tracepoint"].count(":") == 1, probe


def write():
    """Real block I/O: where Python lives is a disk."""
    with tempfile.NamedTemporaryFile(dir=sys.prefix) as file:
        file.write(os.urandom(1 << 16))
        file.flush()
        os.fsync(file.fileno())


def io_is_seen(host):
    connection = Connection()
    connection.send("org.busdma.Host.Events", {"tracepoints": ["block_rq_issue"]}, more=True)
    deadline = time.monotonic() + PATIENCE
    connection.socket.settimeout(PATIENCE)
    seen = []
    while not seen:
        assert time.monotonic() < deadline, "no block event"
        write()
        reply, goes_on = connection.receive()
        assert goes_on and reply["lost"] == 0, reply
        seen += reply["events"]
    connection.close()
    for event in seen:
        assert event["event"] == "block_rq_issue" and event["disk"].count(",") == 1 and event["operation"], event
        assert 0 < event["t_ns"] < 600e9, "since the daemon's start"
    with_memory = [event for event in seen if event.get("pieces")]
    for event in with_memory:
        known = [piece for piece in event["pieces"] if "phys" in piece]
        assert sum(piece["size"] for piece in known) <= event["size"], event


def what_was_seen_is_counted(host):
    reply = host.Correlation()
    counts = {each["event"]: each["count"] for each in reply["events"]}
    assert counts["block_rq_issue"] > 0, reply
    assert any(disk["issued"] > 0 for disk in reply["disks"]), reply
    probes = host.Probes()
    assert probes["dropped"] == 0 and probes["delivered"] >= sum(counts.values()), probes
    for probe in probes["probes"]:
        assert probe["delivered"] + probe["dropped"] + probe["filtered"] == probe["runs"], probe
    assert refused(host.Correlation, device="nonsense") == ("NoSuchObject", {"object": "nonsense"})
    assert host.Mappings(limit=10)["total"] >= 0


def it_can_be_watched():
    connection = Connection()
    connection.send("org.busdma.Host.Watch", {"interval_ms": 20}, more=True)
    replies = [connection.receive() for _ in range(3)]
    connection.close()
    assert all(goes_on for _, goes_on in replies)
    times = [reply["t_ns"] for reply, _ in replies]
    assert times == sorted(times) and times[2] - times[0] >= 30e6, times
    assert all(reply["dropped"] == 0 and reply["pool"]["used_slots"] >= 0 for reply, _ in replies), replies


def events_are_recorded(client, host):
    with client.open("org.busdma.Recorder") as recorder:
        recorder.Stop()
        started = recorder.Start(path="beside", compression="none", host="events")
        file = Path(started["host_file"])
        assert str(file.parent) == started["directory"] and file.name.startswith("host-"), started
        before = time.monotonic()
        while recorder.Status()["host_events"] == 0:
            assert time.monotonic() < before + PATIENCE, "no event recorded"
            write()
        stopped = recorder.Stop()
        assert "host_file" not in stopped, stopped
        header, *events = [json.loads(line) for line in file.read_text().splitlines()]
        assert (header["format"], header["version"], header["clock"]) == ("busdma-host", 1, "busdmad"), header
        assert any("block_rq_issue" in json.dumps(event) for event in events), events[:3]
        assert [path.name for path in file.parent.iterdir() if path.name.startswith("host0-")] != [], "its machines too"


def detached_and_attached_anew(host):
    detached = host.Detach()
    assert detached["state"] == "detached", detached
    write()
    time.sleep(0.1)
    assert host.Probes()["delivered"] == detached["delivered"]
    attached = host.Attach()
    assert (attached["state"], attached["delivered"]) == ("attached", 0), attached


def one_device_only(host):
    attached = host.Attach(devices=["no-such-device"], gathering="totals")
    assert (attached["devices"], attached["gathering"]) == (["no-such-device"], "totals"), attached
    before = host.Probes()["delivered"]
    write()
    time.sleep(0.1)
    assert host.Probes()["delivered"] == before, "totals are no events"
    assert host.Attach()["gathering"] == "events"


main()
