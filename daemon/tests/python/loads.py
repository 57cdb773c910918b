"""Every kind of load, and that the device sees the bytes that were meant; with the PyPI package `varlink`."""

import varlink

from busdma import SOCKET
from testbed import PAGE, device_read, write

# What lies in the memory, so that every byte tells where it belongs.
CONTENT = b"".join(f"{line:15x}\n".encode() for line in range(4096))


def main():
    with varlink.Client.new_with_address(f"unix:{SOCKET}") as client, client.open("org.busdma.Engine") as engine:
        # Bounce pages that are no neighbours.
        bounce = {"base": "0x100000", "stride": 2 * PAGE, "frames": 64}
        # The first FreeBSD that loads the control blocks of NVMe.
        machine = engine.CreateMachine(profile="freebsd-12", bounce=bounce, max_bpages=32)["machine"]
        every_kind_of_load(engine, machine)


def every_kind_of_load(engine, machine):
    kernel = engine.RegisterMemory(machine=machine, length=len(CONTENT), layout={"scattered": {"seed": 1}})["memory"]
    user = engine.RegisterMemory(machine=machine, length=len(CONTENT), space="user")["memory"]
    write(engine, kernel, 0, CONTENT)
    write(engine, user, 0, CONTENT)
    pages = [run["paddr"] for run in engine.DescribeMemory(memory=kernel)["runs"]]
    template = {"lowaddr": "0xffffffff", "maxsize": 16 * PAGE, "nsegments": 16}
    tag = engine.CreateTag(machine=machine, template=template)["tag"]
    map = engine.CreateMap(tag=tag)["map"]

    def buffer(offset, length, memory=kernel):
        return {"memory": memory, "offset": offset, "length": length}

    def page(index, length=PAGE):
        return {"paddr": pages[index], "length": length}

    def ccb(function="scsi_io", direction="in", **rest):
        return {"function": function, "direction": direction, **rest}

    two = [buffer(0, PAGE), buffer(3 * PAGE, 100)]
    mapped = {"mapped": buffer(512, 2 * PAGE)}
    unmapped = {"unmapped": {"pages": pages[:3], "offset": 512, "bcount": 2 * PAGE}}
    vlist = {"vlist": {"list": [buffer(0, PAGE), buffer(2 * PAGE, PAGE)], "offset": 512, "bcount": 2 * PAGE - 512}}
    packet = {"packet_length": PAGE + 100, "chain": [two[0], buffer(0, 0), two[1]]}
    transfer = {"resid": PAGE + 50, "space": "kernel", "iov": two}
    transfer_of_user = {"resid": PAGE, "space": "user", "iov": [buffer(10, PAGE, user)]}

    # Each request, and the parts of the memory that the device is to see.
    cases = [
        ({"buffer": buffer(100, 3 * PAGE)}, [(100, 3 * PAGE)]),
        ({"buffer": buffer(0, 0)}, []),
        ({"bio": mapped}, [(512, 2 * PAGE)]),
        ({"bio": unmapped}, [(512, 2 * PAGE)]),
        ({"bio": vlist}, [(512, PAGE - 512), (2 * PAGE, PAGE)]),
        ({"ccb": ccb(data={"vaddr": buffer(7, PAGE)}, dxfer_len=PAGE)}, [(7, PAGE)]),
        ({"ccb": ccb("ata_io", data={"vaddr": buffer(7, PAGE)}, dxfer_len=PAGE)}, [(7, PAGE)]),
        ({"ccb": ccb("nvme_io", "both", data={"vaddr": buffer(7, PAGE)}, dxfer_len=PAGE)}, [(7, PAGE)]),
        ({"ccb": ccb("cont_target_io", "out", data={"paddr": page(2)}, dxfer_len=PAGE)}, [(2 * PAGE, PAGE)]),
        ({"ccb": ccb(data={"sg": two}, dxfer_len=PAGE + 100, sglist_cnt=2)}, [(0, PAGE), (3 * PAGE, 100)]),
        ({"ccb": ccb(data={"sg_paddr": [page(5), page(1, 9)]}, sglist_cnt=2)}, [(5 * PAGE, PAGE), (PAGE, 9)]),
        ({"ccb": ccb(data={"bio": mapped})}, [(512, 2 * PAGE)]),
        ({"ccb": ccb(direction="none", data={"vaddr": buffer(0, PAGE)}, dxfer_len=PAGE)}, None),
        ({"mbuf": packet}, [(0, PAGE), (3 * PAGE, 100)]),
        ({"mbuf_sg": packet}, [(0, PAGE), (3 * PAGE, 100)]),
        ({"uio": transfer}, [(0, PAGE), (3 * PAGE, 50)]),
        ({"uio": transfer_of_user}, [(10, PAGE)]),
        ({"mem": {"vaddr": buffer(0, 100)}}, [(0, 100)]),
        ({"mem": {"paddr": page(4)}}, [(4 * PAGE, PAGE)]),
        ({"mem": {"vlist": two}}, [(0, PAGE), (3 * PAGE, 100)]),
        ({"mem": {"plist": [page(1), page(0, 8)]}}, [(PAGE, PAGE), (0, 8)]),
        ({"mem": {"bio": unmapped}}, [(512, 2 * PAGE)]),
        ({"mem": {"uio": transfer}}, [(0, PAGE), (3 * PAGE, 50)]),
        ({"mem": {"mbuf": packet}}, [(0, PAGE), (3 * PAGE, 100)]),
        ({"mem": {"ccb": ccb(data={"vaddr": buffer(7, PAGE)}, dxfer_len=PAGE)}}, [(7, PAGE)]),
    ]
    for request, parts in cases:
        load = engine.Load(map=map, request=request, wait="no_wait")
        assert load["outcome"] == ("no_data" if parts is None else "loaded"), (request, load)
        expected = b"".join(CONTENT[offset : offset + length] for offset, length in parts or [])
        sync = engine.Sync(map=map, ops=["prewrite"])
        assert (sync["pages"], sync["bytes"]) == (load["bounce_pages"], len(expected)), (request, load, sync)
        assert device_read(engine, map, load["segments"]) == expected, (request, load)
        if "mbuf" in request or "uio" in request:
            assert load["mapsize"] == len(expected), (request, load)
        assert engine.Unload(map=map)["released"] == load["bounce_pages"], request
    engine.DestroyMap(map=map)
    engine.DestroyTag(tag=tag)
    engine.ReleaseMemory(memory=kernel)
    engine.ReleaseMemory(memory=user)


main()
