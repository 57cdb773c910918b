"""Recordings: started with the daemon by --record, stopped and started anew, and what is in their files."""

import json
from collections import Counter
from pathlib import Path

import varlink

from busdma import SOCKET
from testbed import PAGE, POOL, Host, refused

ZSTD_MAGIC = bytes.fromhex("28b52ffd")


def main():
    with varlink.Client.new_with_address(f"unix:{SOCKET}") as client:
        with client.open("org.busdma.Engine") as engine, client.open("org.busdma.Recorder") as recorder:
            directory = the_one_that_began_with_the_daemon(engine, recorder)
            paths_stay_inside(recorder, directory)
            what_is_done_is_in_the_files(engine, recorder, directory)
            some_machines_only(engine, recorder, directory)


def the_one_that_began_with_the_daemon(engine, recorder):
    status = recorder.Status()
    assert status["state"] == "recording" and status["queue_capacity"] > 0, status
    directory = Path(status["directory"])
    assert refused(recorder.Start) == ("AlreadyRecording", {"directory": str(directory)})
    engine.DestroyTag(tag=engine.CreateTag(template={})["tag"])
    stopped = recorder.Stop()
    assert (stopped["state"], stopped["operations_written"], stopped["operations_dropped"]) == ("off", 2, 0), stopped
    assert refused(recorder.Stop) == ("NotRecording", {})
    assert recorder.Status() == stopped
    (file,) = directory.iterdir()
    assert file.name.startswith("host0-") and file.name.endswith(".jsonl.zst"), file
    assert file.read_bytes().startswith(ZSTD_MAGIC) and file.stat().st_size == stopped["bytes_written"]
    return directory


def paths_stay_inside(recorder, directory):
    for path in ["/tmp/elsewhere", str(directory), "..", "../elsewhere", "one/../../two", ".", "", "one//two", "a b"]:
        error, numbers = refused(recorder.Start, path=path)
        assert (error, numbers["path"]) == ("InvalidPath", path) and numbers["reason"], (path, error, numbers)
    # A link that leads out is no way out either.
    outside = directory.parent / "outside"
    outside.mkdir()
    (directory / "link").symlink_to(outside)
    error, numbers = refused(recorder.Start, path="link/in")
    assert error == "CannotWrite" and numbers["reason"] and not list(outside.iterdir()), (error, numbers)
    (directory / "link").unlink()
    assert recorder.Status()["state"] == "off" and len(list(directory.iterdir())) == 1


def lines(file):
    """A trace: its header, and its operations."""
    header, *operations = [json.loads(line) for line in file.read_text().splitlines()]
    assert (header["format"], header["version"]) == ("busdma-trace", 1), header
    return header, operations


def what_is_done_is_in_the_files(engine, recorder, directory):
    recorder.Start(path="nightly/1", compression="none", decisions="all")
    host = Host(engine)
    (map,) = host.maps(1, nsegments=POOL)
    for _ in range(3):
        assert host.load(map, POOL) == "loaded"
        engine.Sync(map=map, ops=["prewrite"])
        engine.Unload(map=map)
    refused(engine.Load, map=map, request=host.request(POOL + 1), wait="no_wait")
    stopped = recorder.Stop()
    assert Path(stopped["directory"]) == directory / "nightly" / "1"
    files = sorted((directory / "nightly" / "1").iterdir())
    assert [file.name.split("-")[0] for file in files] == ["host0", host.machine]
    assert sum(file.stat().st_size for file in files) == stopped["bytes_written"]
    assert stopped["files"] >= 2 and stopped["operations_dropped"] == 0, stopped

    header, operations = lines(files[1])
    bounce = {"base": "0x100000", "stride": PAGE, "frames": POOL}
    assert (header["machine"]["bounce"], header["machine"]["max_bpages"]) == (bounce, POOL), header
    counts = Counter(each["op"] for each in operations)
    assert counts == {"tag_create": 1, "map_create": 1, "load": 4, "sync": 3, "unload": 3}, counts
    assert sum(counts.values()) == stopped["operations_written"]
    assert [each["seq"] for each in operations] == list(range(1, len(operations) + 1))
    assert {each["session"] for each in operations} == {engine.Session()["session"]}
    loads = [each["out"] for each in operations if each["op"] == "load"]
    assert [out["ret"] for out in loads] == ["OK", "OK", "OK", "ENOMEM"], loads
    assert {"bounced", "split", "loaded"} <= {decision["kind"] for decision in loads[0]["decisions"]}
    assert lines(files[0])[1] == []
    engine.DestroyMachine(machine=host.machine)


def some_machines_only(engine, recorder, directory):
    assert refused(recorder.Start, machines=["vm77"]) == ("NoSuchObject", {"object": "vm77"})
    watched, other = Host(engine), Host(engine)
    started = recorder.Start(path="one", compression="none", decisions="none", machines=[watched.machine])
    assert started["state"] == "recording" and Path(started["directory"]) == directory / "one"
    for host in (watched, other):
        host.maps(2)
    stopped = recorder.Stop()
    (file,) = (directory / "one").iterdir()
    _, operations = lines(file)
    assert [each["op"] for each in operations] == ["tag_create", "map_create", "map_create"], operations
    assert not any("decisions" in each["out"] for each in operations), operations
    assert stopped["operations_written"] == 3


main()
