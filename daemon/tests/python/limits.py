"""What belongs to whom, how much of it one may have, and what memory is taken."""

import varlink

from busdma import SOCKET
from testbed import PAGE, Errors, Host, refused


def main():
    client = varlink.Client.new_with_address(f"unix:{SOCKET}")
    errors = Errors(client.get_interface("org.busdma.Engine"))
    for scenario in [memory, machines, sessions, quotas]:
        with client.open("org.busdma.Engine") as engine, client.open("org.busdma.Engine") as other:
            scenario(engine, other, errors)
    with client.open("org.busdma.Recorder") as recorder:
        assert refused(recorder.Start) == ("NoDirectory", {})


def memory(engine, _other, errors):
    host = Host(engine)
    for parameters, field in [
        ({"length": 0}, "length"),
        ({"length": PAGE, "offset": 0}, "offset"),
        ({"length": PAGE, "vaddr": "0x801"}, "vaddr"),
        ({"length": 2 * PAGE, "layout": {"pages": ["0x40000000"]}}, "layout"),
        ({"length": PAGE, "layout": {"pages": ["0x100000"]}}, "layout"),
        ({"length": PAGE, "layout": {"contiguous": {"base": "0xffffffff000"}}}, "layout"),
    ]:
        errors.expect("InvalidMemory", engine.RegisterMemory, {"field": field}, machine=host.machine, **parameters)
    size = host.size
    numbers = {"offset": size - 1, "length": 2, "size": size}
    errors.expect("OutOfRange", engine.ReadMemory, numbers, memory=host.memory, offset=size - 1, length=2)
    numbers = {"offset": size, "length": 3, "size": size}
    errors.expect("OutOfRange", engine.WriteMemory, numbers, memory=host.memory, offset=size, data="b25l")
    errors.expect("OutOfRange", engine.RegisterMemory, {"offset": 0, "size": 0}, length=PAGE, fd=0)
    ring = engine.AllocMem(tag=host.tag())["memory"]
    errors.expect("InvalidMemory", engine.ReleaseMemory, {"field": "memory"}, memory=ring)
    errors.expect("InvalidMemory", engine.FreeMem, {"field": "memory"}, memory=host.memory)
    engine.FreeMem(memory=ring)
    errors.expect("NoSuchObject", engine.FreeMem, {"object": ring}, memory=ring)
    # Only the privileged see where memory really lies, which may be anywhere.
    vast = engine.CreateMachine(memory_bytes=1 << 44)["machine"]
    call = {"machine": vast, "length": PAGE, "layout": {"pagemap": {}}}
    if shows_frames():
        real = engine.RegisterMemory(**call)["memory"]
        assert len(engine.DescribeMemory(memory=real)["runs"]) == 1
        errors.seen.add("NotPrivileged")
    else:
        errors.expect("NotPrivileged", engine.RegisterMemory, **call)


def shows_frames():
    """Whether this process sees page frames, as the daemon does that was started by the same user."""
    with open("/proc/self/status") as status:
        capabilities = next(line.split()[1] for line in status if line.startswith("CapEff"))
    return bool(int(capabilities, 16) >> 21 & 1)


def machines(engine, _other, errors):
    for parameters, field in [
        ({"profile": "freebsd-13"}, "profile"),
        ({"bounce": {"base": "0x100", "stride": PAGE, "frames": 1}}, "bounce"),
        ({"bounce": {"base": "0x0", "stride": 0, "frames": 1}}, "bounce"),
    ]:
        errors.expect("InvalidMachine", engine.CreateMachine, {"field": field}, **parameters)
    machine = engine.CreateMachine()["machine"]
    engine.DestroyMachine(machine=machine)
    errors.expect("NoSuchObject", engine.DescribeMachine, {"object": machine}, machine=machine)
    for call in (engine.ZoneMemory, engine.DestroyMachine):
        errors.expect("NotOwner", call, {"object": "host0"}, machine="host0")


def sessions(engine, other, errors):
    private = Host(engine)
    tag = engine.CreateTag(template={})["tag"]
    map = engine.CreateMap(tag=tag)["map"]
    memory = engine.RegisterMemory(length=PAGE)["memory"]
    errors.expect("NotOwner", other.DescribeMachine, {"object": private.machine}, machine=private.machine)
    errors.expect("NotOwner", other.ReadMemory, {"object": private.machine}, memory=private.memory, length=1)
    errors.expect("NotOwner", other.CreateMap, {"object": tag}, tag=tag)
    errors.expect("NotOwner", other.CreateTag, {"object": tag}, parent=tag)
    errors.expect("NotOwner", other.DestroyTag, {"object": tag}, tag=tag)
    for call in (other.Unload, other.DestroyMap, other.Segments):
        errors.expect("NotOwner", call, {"object": map}, map=map)
    errors.expect("NotOwner", other.Sync, {"object": map}, map=map, ops=["prewrite"])
    for call in (other.ReleaseMemory, other.DescribeMemory):
        errors.expect("NotOwner", call, {"object": memory}, memory=memory)
    own = other.CreateMap(tag=other.CreateTag()["tag"])["map"]
    theirs = {"buffer": {"memory": memory, "length": 1}}
    errors.expect("NotOwner", other.Load, {"object": memory}, map=own, request=theirs)
    paddr = engine.DescribeMemory(memory=memory)["runs"][0]["paddr"]
    theirs = {"mem": {"paddr": {"paddr": paddr, "length": 1}}}
    errors.expect("NotOwner", other.Load, {"object": paddr}, map=own, request=theirs)
    errors.expect("InvalidMemory", other.RegisterMemory, {"field": "layout"}, length=PAGE, layout={"pages": [paddr]})
    errors.expect("NoSuchToken", other.Join, token="0" * 32)


def quotas(engine, _other, errors):
    limits = {each["quota"]: each for each in engine.Session()["quotas"]}
    assert limits["machines"]["used"] == 0 and limits["machines"]["limit"] <= limits["machines"]["uid_limit"]

    def exceeded(quota, call, limit=None, **parameters):
        limit = limit or limits[quota]["limit"]
        numbers = {"quota": quota, "limit": limit, "scope": "connection"}
        errors.expect("QuotaExceeded", call, numbers, **parameters)

    host = Host(engine)
    for _ in range(limits["machines"]["limit"] - 1):
        engine.CreateMachine()
    exceeded("machines", engine.CreateMachine)
    exceeded("memory_bytes", engine.RegisterMemory, length=limits["memory_bytes"]["limit"] + 1)
    exceeded("dmamem_bytes", engine.AllocMem, tag=host.tag(maxsize=limits["dmamem_bytes"]["limit"] + 1))
    exceeded("transfer_bytes", engine.ReadMemory, 1 << 20, memory=host.memory, length=(1 << 20) + 1)
    operation = {"segments": {"map": f"{host.machine}/m1"}}
    exceeded("batch_operations", engine.Submit, 65_536, operations=[operation] * 65_537)
    used = {each["quota"]: each["used"] for each in engine.Session()["quotas"]}
    assert (used["machines"], used["memory_bytes"]) == (limits["machines"]["limit"], host.size), used


main()
