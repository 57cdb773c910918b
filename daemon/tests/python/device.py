"""Being the driver and the device: memory files go over a plain socket, and both sides work on mapped pages."""

import errno
import fcntl
import mmap
import os
from base64 import b64decode, b64encode

from busdma import Connection, Error

PAGE = 4096
LENGTH = 4 * PAGE
FOUR_GIB = 1 << 32
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


def main():
    engine = Connection()
    bounce = {"base": "0x100000", "stride": 2 * PAGE, "frames": 8}
    machine = engine.call("CreateMachine", profile="freebsd-11", bounce=bounce, max_bpages=8)["machine"]
    own_pages_go_through_the_bounce_pool(engine, machine)
    memory_made_by_the_daemon(engine, machine)
    dmamem(engine, machine)
    only_sealed_memory_is_taken(engine, machine)
    the_shared_pool_is_nobodys(engine)


def memory_file(length, seals):
    file = os.memfd_create("buffer", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, length)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    return file


def mapped(file):
    """The whole file, as memory."""
    memory = mmap.mmap(file, 0)
    os.close(file)
    return memory


def refused(engine, error, method, files=(), **parameters):
    """The numbers of an error that must come."""
    try:
        reply = engine.call(method, files, **parameters)
    except Error as found:
        assert found.name == f"org.busdma.Engine.{error}", found
        return found.parameters
    raise AssertionError(f"{method} {parameters} was answered with {reply}")


class Device:
    """Sees memory by bus address: the bounce pools of a private machine."""

    def __init__(self, engine, machine):
        self.parts = []
        pools = engine.call("ZoneMemory", machine=machine)["pools"]
        files = [mapped(file) for file in engine.files]
        for pool in pools:
            for run in pool["runs"]:
                self.parts.append((int(run["addr"], 16), run["offset"], run["length"], files[pool["fd"]]))

    def at(self, segment):
        """The memory a segment lies in, and where in it."""
        addr = int(segment["addr"], 16)
        for start, offset, length, memory in self.parts:
            if start <= addr and addr + segment["length"] <= start + length:
                return memory, slice(offset + addr - start, offset + addr - start + segment["length"])
        raise AssertionError(f"{segment} is in no pool: {self.parts}")

    def read(self, segments):
        return b"".join(memory[where] for memory, where in map(self.at, segments))

    def write(self, segments, data):
        for segment in segments:
            memory, where = self.at(segment)
            memory[where], data = data[: segment["length"]], data[segment["length"] :]


def own_pages_go_through_the_bounce_pool(engine, machine):
    file = memory_file(LENGTH, SEALS)
    driver = mmap.mmap(file, LENGTH)
    driver[:] = os.urandom(LENGTH)
    layout = {"contiguous": {"base": hex(FOUR_GIB + 16 * PAGE)}}
    registered = engine.call("RegisterMemory", [file], machine=machine, length=LENGTH, fd=0, layout=layout)
    assert "fd" not in registered and engine.files == []
    memory = registered["memory"]
    runs = engine.call("DescribeMemory", memory=memory)["runs"]
    assert runs == [{"paddr": hex(FOUR_GIB + 16 * PAGE), "length": LENGTH}]

    # Nobody can take the pages away under the daemon.
    for length in (0, 2 * LENGTH):
        try:
            os.ftruncate(file, length)
        except OSError as error:
            assert error.errno == errno.EPERM
        else:
            raise AssertionError(f"a sealed file was given {length} bytes")
    os.close(file)

    template = {"lowaddr": "0xffffffff", "maxsize": LENGTH, "nsegments": 8, "maxsegsz": PAGE}
    tag = engine.call("CreateTag", machine=machine, template=template)["tag"]
    map = engine.call("CreateMap", tag=tag)["map"]
    offset, length = 1000, 2 * PAGE
    request = {"buffer": {"memory": memory, "offset": offset, "length": length}}
    load = engine.call("Load", map=map, request=request)
    assert (load["outcome"], load["bounce_pages"]) == ("loaded", 3), load
    segments = load["segments"]
    assert sum(segment["length"] for segment in segments) == length
    assert all(int(segment["addr"], 16) < FOUR_GIB for segment in segments)

    device = Device(engine, machine)
    assert device.read(segments) == bytes(length)
    sync = engine.call("Sync", map=map, ops=["preread", "prewrite"])
    assert (sync["pages"], sync["bytes"]) == (3, length)
    assert device.read(segments) == driver[offset : offset + length]

    before, answer = driver[:], os.urandom(length)
    device.write(segments, answer)
    assert driver[:] == before
    engine.call("Sync", map=map, ops=["postread", "postwrite"])
    assert driver[:] == before[:offset] + answer + before[offset + length :]

    # What the two saw is what the service sees.
    assert b64decode(engine.call("DeviceRead", map=map, segment=1)["data"]) == device.read(segments[1:2])
    assert b64decode(engine.call("ReadMemory", memory=memory, length=LENGTH)["data"]) == driver[:]
    engine.call("Unload", map=map)
    engine.call("DestroyMap", map=map)
    engine.call("DestroyTag", tag=tag)
    engine.call("ReleaseMemory", memory=memory)
    driver[:] = bytes(LENGTH)


def memory_made_by_the_daemon(engine, machine):
    registered = engine.call("RegisterMemory", machine=machine, length=LENGTH, layout={"scattered": {"seed": 5}})
    assert registered["fd"] == 0 and len(engine.files) == 1
    memory, driver = registered["memory"], mapped(engine.files[0])
    driver[PAGE - 4 : PAGE + 4] = b"SPANNING"
    read = engine.call("ReadMemory", memory=memory, offset=PAGE - 4, length=8)
    assert b64decode(read["data"]) == b"SPANNING"
    engine.call("WriteMemory", memory=memory, offset=LENGTH - 3, data=b64encode(b"end").decode())
    assert driver[LENGTH - 4 : LENGTH] == b"\0end"
    engine.call("ReleaseMemory", memory=memory)
    # The pages live on for whoever has them mapped.
    assert driver[PAGE - 4 : PAGE + 4] == b"SPANNING"


def dmamem(engine, machine):
    template = {"lowaddr": "0xffffffff", "maxsize": 2 * PAGE, "nsegments": 1}
    tag = engine.call("CreateTag", machine=machine, template=template)["tag"]
    ring = engine.call("AllocMem", tag=tag, flags=["zero"])
    assert ring["fd"] == 0
    (run,) = ring["runs"]
    driver = mapped(engine.files[0])
    driver[run["offset"] : run["offset"] + 5] = b"tail\n"
    assert b64decode(engine.call("ReadMemory", memory=ring["memory"], length=6)["data"]) == b"tail\n\0"
    request = {"buffer": {"memory": ring["memory"], "length": 2 * PAGE}}
    load = engine.call("Load", map=ring["map"], request=request)
    assert load["segments"] == [{"addr": run["addr"], "length": 2 * PAGE}], load
    engine.call("DeviceWrite", map=ring["map"], segment=0, offset=PAGE, data=b64encode(b"head\n").decode())
    assert driver[run["offset"] + PAGE :][:5] == b"head\n"
    engine.call("Unload", map=ring["map"])
    engine.call("FreeMem", memory=ring["memory"])


def only_sealed_memory_is_taken(engine, machine):
    def register(seals, length=LENGTH, error="NotSealed", fd=0):
        file = memory_file(LENGTH, seals)
        numbers = refused(engine, error, "RegisterMemory", [file], machine=machine, length=length, fd=fd)
        os.close(file)
        return numbers

    assert register(0) == {"missing": ["F_SEAL_SHRINK", "F_SEAL_GROW"]}
    assert register(fcntl.F_SEAL_SHRINK) == {"missing": ["F_SEAL_GROW"]}
    assert register(fcntl.F_SEAL_GROW) == {"missing": ["F_SEAL_SHRINK"]}
    assert register(SEALS, LENGTH + 1, "InvalidMemory")["field"] == "length"
    assert register(SEALS | fcntl.F_SEAL_WRITE, error="InvalidMemory")["field"] == "fd"
    assert register(SEALS, error="OutOfRange", fd=1) == {"offset": 1, "length": 1, "size": 1}
    ordinary, _ = os.pipe()
    numbers = refused(engine, "InvalidMemory", "RegisterMemory", [ordinary], machine=machine, length=1, fd=0)
    assert numbers["field"] == "fd", numbers
    assert engine.call("DescribeMachine", machine=machine)["machine"] == machine


def the_shared_pool_is_nobodys(engine):
    assert refused(engine, "NotOwner", "ZoneMemory", machine="host0") == {"object": "host0"}
    neighbour = Connection()
    loads = []
    for client, content in [(engine, b"mine"), (neighbour, b"not yours")]:
        tag = client.call("CreateTag", template={"lowaddr": "0xffffffff", "maxsize": PAGE})["tag"]
        map = client.call("CreateMap", tag=tag)["map"]
        memory = client.call("RegisterMemory", length=PAGE)["memory"]
        client.call("WriteMemory", memory=memory, data=b64encode(content).decode())
        loads.append((map, client.call("Load", map=map, request={"buffer": {"memory": memory, "length": PAGE - 8}})))
        client.call("Sync", map=map, ops=["prewrite"])
    (map, load), (other, _) = loads
    assert load["bounce_pages"] == 1
    assert b64decode(engine.call("DeviceRead", map=map, segment=0)["data"]) == b"mine".ljust(PAGE - 8, b"\0")
    # Not a byte beyond the segment, and no segment of somebody else.
    outside = refused(engine, "OutOfRange", "DeviceRead", map=map, segment=0, offset=0, length=PAGE)
    assert outside == {"offset": 0, "length": PAGE, "size": PAGE - 8}
    refused(engine, "OutOfRange", "DeviceRead", map=map, segment=1)
    assert refused(engine, "NotOwner", "DeviceRead", map=other, segment=0) == {"object": other}
    # What an unload gives back to the pool holds nothing any more: the next one to get the page sees zeros.
    neighbour.call("Unload", map=other)
    engine.call("Unload", map=map)
    request = {"buffer": {"memory": engine.call("RegisterMemory", length=2 * PAGE)["memory"], "length": 2 * PAGE}}
    load = engine.call("Load", map=map, request=request)
    assert load["bounce_pages"] == 2
    for index, segment in enumerate(load["segments"]):
        seen = engine.call("DeviceRead", map=map, segment=index)["data"]
        assert b64decode(seen) == bytes(segment["length"])
    neighbour.close()


main()
