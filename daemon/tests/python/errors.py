"""Every way in which bus_dma(9) fails, and those in which it would panic, with their numbers."""

import varlink

from busdma import SOCKET
from testbed import PAGE, POOL, Errors, Host

# Those that are shown by limits.py, by device.py, and by deferred.py.
ELSEWHERE = {"NotOwner", "NoSuchToken", "QuotaExceeded", "InvalidMachine", "InvalidMemory", "NotPrivileged"}
ELSEWHERE |= {"NotSealed"}
ELSEWHERE |= {"DeferredCancelled", "ShuttingDown"}


def main():
    client = varlink.Client.new_with_address(f"unix:{SOCKET}")
    errors = Errors(client.get_interface("org.busdma.Engine"))
    for scenario in [tags, loads, deferrals, strict, requests, panics]:
        with client.open("org.busdma.Engine") as engine:
            scenario(engine, errors)
    assert errors.seen | ELSEWHERE == set(errors.declared), errors.seen ^ (set(errors.declared) - ELSEWHERE)


def tags(engine, errors):
    host = Host(engine)
    for field, value in [("alignment", 3), ("boundary", "0x1800"), ("maxsegsz", 0)]:
        template = {field: value}
        numbers = {"field": field}
        errors.expect("InvalidTag", engine.CreateTag, numbers, machine=host.machine, template=template)
    both = {"preset": "nvme", "template": {}}
    errors.expect("InvalidTag", engine.CreateTag, {"field": "template"}, **both)
    errors.expect("UnknownPreset", engine.CreateTag, {"preset": "nvmee", "nearest": "nvme"}, preset="nvmee")
    tag = host.tag()
    errors.expect("InvalidTag", engine.CreateTag, {"field": "parent"}, machine="host0", parent=tag)
    map = engine.CreateMap(tag=tag)["map"]
    errors.expect("Busy", engine.DestroyTag, {"maps": 1}, tag=tag)
    engine.DestroyMap(map=map)
    engine.DestroyTag(tag=tag)
    errors.expect("NoSuchObject", engine.CreateMap, {"object": tag}, tag=tag)
    errors.expect("NoSuchObject", engine.Unload, {"object": map}, map=map)
    # The pool lies at 1 MiB, which this device does not reach.
    low = host.tag(lowaddr="0xfffff", maxsize=PAGE)
    numbers = {"zone": 1, "wanted": 1, "got": 0}
    errors.expect("PoolNotFilled", engine.CreateMap, numbers, tag=low)
    errors.expect("NoMemory", engine.AllocMem, {"bytes": PAGE}, tag=low)


def loads(engine, errors):
    host = Host(engine)
    # Without a window nothing is bounced, and the pages are scattered: a segment for each.
    (map,) = host.maps(1, lowaddr="0xffffffffffffffff", nsegments=3, maxsegsz=PAGE)
    numbers = {"needed": 8, "limit": 3, "bytes_left": 5 * PAGE}
    errors.expect("TooManySegments", engine.Load, numbers, map=map, request=host.request(8))
    errors.expect("NotLoaded", engine.DeviceRead, {"object": map}, map=map, segment=0)
    one, two = host.maps(2, maxsegsz=PAGE)
    assert host.load(one, POOL - 1) == "loaded"
    numbers = {"needed": 5, "free": 1}
    errors.expect("NoBouncePages", engine.Load, numbers, map=two, request=host.request(5), wait="no_wait")
    numbers = {"object": one, "bounce_pages": POOL - 1, "sync_ranges": 0}
    errors.expect("StillLoaded", engine.DestroyMap, numbers, map=one)
    errors.expect("MemoryBusy", engine.ReleaseMemory, {"object": one}, memory=host.memory)
    numbers = {"offset": PAGE - 1, "length": 2, "size": PAGE}
    errors.expect("OutOfRange", engine.DeviceRead, numbers, map=one, segment=0, offset=PAGE - 1, length=2)
    segments = len(engine.Segments(map=one)["segments"])
    numbers = {"offset": segments, "length": 1, "size": segments}
    errors.expect("OutOfRange", engine.DeviceRead, numbers, map=one, segment=segments)


def deferrals(engine, errors):
    # Bounce pages that are no neighbours: it shows only at its turn that a load needs a segment for each.
    host = Host(engine, stride=2 * PAGE)
    *holders, late = host.maps(POOL + 1, nsegments=1)
    errors.expect("NotDeferred", engine.Wait, {"object": None})
    errors.expect("NotDeferred", engine.Wait, {"object": late}, map=late)
    assert [host.load(map, 1) for map in holders] == ["loaded"] * POOL
    assert host.load(late, 2) == "deferred"
    errors.expect("StillDeferred", engine.Load, {"object": late}, map=late, request=host.request(1))
    errors.expect("StillDeferred", engine.DestroyMap, {"object": late}, map=late)
    assert errors.expect("TimedOut", engine.Wait, map=late, timeout_ms=30)["waited_ms"] >= 30
    for map in holders[:2]:
        engine.Unload(map=map)
    numbers = {"object": late, "error": "org.busdma.Engine.TooManySegments"}
    assert errors.expect("DeferredFailed", engine.Wait, numbers, map=late)["waited_ns"] >= 30_000_000


def strict(engine, errors):
    host = Host(engine, "strict")
    one, two = host.maps(2, maxsize=(POOL + 1) * PAGE)
    request = host.request(POOL + 2)
    numbers = {"bytes": (POOL + 2) * PAGE, "maxsize": (POOL + 1) * PAGE}
    errors.expect("ExceedsMaxSize", engine.Load, numbers, map=one, request=request)
    numbers = {"needed": POOL + 1, "total": POOL}
    errors.expect("NeverSatisfiable", engine.Load, numbers, map=one, request=host.request(POOL + 1))
    assert host.load(one, 1) == "loaded"
    errors.expect("AlreadyLoaded", engine.Load, {"object": one}, map=one, request=host.request(1))
    # A bounce page keeps the offset, so it is as misaligned as the buffer.
    host = Host(engine, "strict")
    (kept,) = host.maps(1, alignment=512, flags=["keep_page_offset"])
    first = engine.DescribeMemory(memory=host.memory)["runs"][0]["paddr"]
    numbers = {"addr": hex(int(first, 16) + 8)}
    errors.expect("Unreachable", engine.Load, numbers, map=kept, request=host.request(1, offset=8))


def requests(engine, errors):
    host = Host(engine)
    (map,) = host.maps(1)
    part = {"memory": host.memory, "length": 100}
    user = engine.RegisterMemory(machine=host.machine, length=PAGE, space="user")["memory"]
    for request in [
        {"buffer": {"memory": user, "length": 1}},
        {"uio": {"resid": 1, "space": "user", "iov": [part]}},
        {"bio": {"unmapped": {"pages": [], "bcount": 1}}},
        {"ccb": {"function": "scsi_io", "direction": "in", "data": {"sg": [part]}, "sglist_cnt": 2, "dxfer_len": 200}},
    ]:
        errors.expect("InvalidRequest", engine.Load, map=map, request=request)
    size = host.size
    for offset, length in [(0, size + 1), (size, 1), (1 << 62, 1)]:
        request = {"buffer": {"memory": host.memory, "offset": offset, "length": length}}
        numbers = {"offset": offset, "length": length, "size": size}
        errors.expect("OutOfRange", engine.Load, numbers, map=map, request=request)
    nobodys = {"mem": {"paddr": {"paddr": "0x8000000", "length": 1}}}
    errors.expect("NotOwner", engine.Load, {"object": "0x8000000"}, map=map, request=nobodys)
    errors.expect("InvalidRequest", engine.WriteMemory, memory=host.memory, data="no base64!")


def panics(engine, errors):
    host = Host(engine)
    (map,) = host.maps(1)
    part = {"memory": host.memory, "length": 100}
    user = engine.RegisterMemory(machine=host.machine, length=PAGE, space="user")["memory"]
    block = {"function": "scsi_io", "direction": "in", "data": {"vaddr": part}, "dxfer_len": 100}
    # Whether it takes a kernel with INVARIANTS to stop at it.
    for request, assertion in [
        ({"ccb": {**block, "function": "noop"}}, False),
        ({"ccb": {**block, "function": "nvme_io"}}, False),
        ({"ccb": {**block, "data": {"invalid": {}}}}, False),
        ({"mbuf": {"chain": [part]}}, True),
        ({"uio": {"resid": 1, "space": "user_without_thread", "iov": [{"memory": user, "length": 1}]}}, True),
    ]:
        errors.expect("KernelPanic", engine.Load, {"assertion": assertion}, map=map, request=request)
    # The machine goes on.
    assert host.load(map, 1) == "loaded"


main()
