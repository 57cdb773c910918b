"""Memory files in both directions with the PyPI package `asyncvarlink`, for programs that run on asyncio."""

import asyncio
import fcntl
import mmap
import os
import typing

from asyncvarlink import FileDescriptor, VarlinkClientProtocol, VarlinkInterface, connect_unix_varlink, varlinkmethod

from busdma import SOCKET

PAGE = 4096
Any = typing.Any


class Run(typing.TypedDict):
    addr: str
    offset: int
    length: int


class Pool(typing.TypedDict):
    zones: list[int]
    fd: FileDescriptor
    runs: list[Run]


class Registered(typing.TypedDict):
    memory: str
    vaddr: str


class Engine(VarlinkInterface, name="org.busdma.Engine"):
    """As much of the interface as is used here."""

    @varlinkmethod(return_parameter="machine")
    async def CreateMachine(self, *, max_bpages: int) -> str: ...

    @varlinkmethod
    async def RegisterMemory(self, *, machine: str, length: int, fd: FileDescriptor) -> Registered: ...

    @varlinkmethod(return_parameter="pools")
    async def ZoneMemory(self, *, machine: str) -> list[Pool]: ...

    @varlinkmethod(return_parameter="results", allow_foreign=True)
    async def Submit(self, *, operations: Any) -> Any: ...


async def main():
    _, protocol = await connect_unix_varlink(VarlinkClientProtocol, SOCKET)
    engine = protocol.make_proxy(Engine)
    file = os.memfd_create("buffer", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(file, PAGE)
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    driver = mmap.mmap(file, PAGE)
    driver[:] = os.urandom(PAGE)

    async def submit(name, **parameters):
        (result,) = (await engine.Submit(operations=[{name: parameters}]))["results"]
        return result[name]

    # A connection is answered in order, so calls need not wait for each other.
    machine = (await engine.CreateMachine(max_bpages=4))["machine"]
    template = {"lowaddr": "0xffffffff", "maxsize": PAGE, "nsegments": 1}
    tag, registered = await asyncio.gather(
        submit("create_tag", machine=machine, template=template),
        engine.RegisterMemory(machine=machine, length=PAGE, fd=FileDescriptor(file)),
    )
    map = (await submit("create_map", tag=tag["tag"]))["map"]
    request = {"buffer": {"memory": registered["memory"], "length": PAGE}}
    load, sync = await asyncio.gather(
        submit("load", map=map, request=request),
        submit("sync", map=map, ops=["prewrite"]),
    )
    (segment,) = load["segments"]
    assert (load["bounce_pages"], sync["bytes"]) == (1, PAGE), (load, sync)

    with await engine.ZoneMemory(machine=machine) as reply:
        (pool,) = reply["pools"]
        (run,) = pool["runs"]
        device = mmap.mmap(pool["fd"].fileno(), 0)
    assert pool["zones"] == [0], pool
    begin = run["offset"] + int(segment["addr"], 16) - int(run["addr"], 16)
    assert device[begin : begin + PAGE] == driver[:]
    device[begin : begin + PAGE] = answer = os.urandom(PAGE)
    await submit("sync", map=map, ops=["postread"])
    assert driver[:] == answer
    await submit("unload", map=map)
    os.close(file)
    protocol.close()


asyncio.run(main())
