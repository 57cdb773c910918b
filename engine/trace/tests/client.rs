//! The client bytes of every kind of request, and what is wrong with a request.

#[path = "support/header.rs"]
mod header;

use busdma_engine::{AddressSpace, PhysAddr};
use busdma_trace::TraceMachine;
use busdma_trace::client::{ClientRange, byte_count, fill, for_each_range, hash};
use busdma_trace::format::{Header, Input, Op};
use busdma_trace::machine::{Fnv1a, Pattern};
use busdma_trace::request::Request;

fn machine() -> TraceMachine {
    let header: Header<'_> = serde_json::from_str(header::HEADER).unwrap();
    TraceMachine::new(&header.machine).unwrap()
}

/// Takes over a load; its client bytes as `k` (kernel), `u` (user) or `p` (physical), address and length.
fn take(fields: &str, request: &mut Request, machine: &mut TraceMachine) -> Result<String, String> {
    let text = format!(r#"{{"tag":"t","map":"m","flags":[],{fields}}}"#);
    let input = Input::from_json(Op::Load, &text).map_err(|error| error.to_string())?;
    let Input::Load(load) = input else { unreachable!("a load") };
    let desc = request.set(&load.request, machine).map_err(|error| error.to_string())?;
    let mut ranges = Vec::new();
    for_each_range(&desc, &mut |range| {
        ranges.push(match range {
            ClientRange::Virtual(AddressSpace::Kernel, range) => format!("k{}+{}", range.start, range.len),
            ClientRange::Virtual(AddressSpace::User, range) => format!("u{}+{}", range.start, range.len),
            ClientRange::Physical(range) => format!("p{}+{}", range.start, range.len),
        });
    });
    ranges.retain(|range| !range.ends_with("+0"));
    Ok(ranges.join(" "))
}

fn buf(vaddr: u64, len: u64) -> String {
    let pages: Vec<_> =
        (vaddr / 4096..(vaddr + len).div_ceil(4096)).map(|page| format!("\"{:#x}\"", page * 4096)).collect();
    format!(r#"{{"vaddr":"{vaddr:#x}","len":{len},"pages":[{}]}}"#, pages.join(","))
}

#[test]
fn kinds() {
    let (a, b, c) = (buf(0x1100, 100), buf(0x3000, 5000), buf(0x9ff0, 32));
    let empty = buf(0x2000, 0);
    let list = format!("[{a},{empty},{b},{c}]");
    let phys = r#"[{"paddr":"0x7000","len":10},{"paddr":"0x1","len":0},{"paddr":"0x9000","len":20}]"#;
    let ccb = |func: &str, dir: &str, data: &str, cnt: u32, rest: &str| {
        format!(r#"{{"func":"{func}","dir":"{dir}","data":"{data}","dxfer_len":1000,"sglist_cnt":{cnt}{rest}}}"#)
    };
    let sg = format!(r#","list":{list}"#);
    let in_ccb = |ccb: String| format!(r#""kind":"ccb","ccb":{ccb}"#);
    let in_mem = |mem: &str| format!(r#""kind":"mem","mem":{{{mem}}}"#);
    let bio_mapped = format!(r#"{{"type":"mapped","bcount":90,"buf":{a}}}"#);
    let bio_vlist = |offset: u32, bcount: u32| {
        format!(r#"{{"type":"vlist","bcount":{bcount},"ma_offset":{offset},"list":{list}}}"#)
    };
    let bio_unmapped = r#"{"type":"unmapped","bcount":5000,"ma_offset":4000,"pages":["0x1000","0x8000","0x3000"]}"#;
    let chain = format!(r#""pkthdr":true,"pkthdr_len":1,"chain":{list}"#);
    let uio = |resid: u32, flag: &str| format!(r#"{{"resid":{resid},"segflg":"{flag}","td":true,"iov":{list}}}"#);
    let all = "k0x1100+100 k0x3000+5000 k0x9ff0+32";
    let cases: Vec<(String, &str)> = vec![
        (format!(r#""kind":"buffer","buf":{a}"#), "k0x1100+100"),
        (format!(r#""kind":"buffer","buf":{empty}"#), ""),
        (format!(r#""kind":"bio","bio":{bio_mapped}"#), "k0x1100+90"),
        (format!(r#""kind":"bio","bio":{bio_unmapped}"#), "p0x1fa0+96 p0x8000+4096 p0x3000+808"),
        (format!(r#""kind":"bio","bio":{}"#, bio_vlist(30, 1000)), "k0x111e+70 k0x3000+930"),
        (format!(r#""kind":"bio","bio":{}"#, bio_vlist(200, 9000)), "k0x3000+5000 k0x9ff0+32"),
        (in_ccb(ccb("SCSI_IO", "IN", "VADDR", 0, &format!(r#","buf":{b}"#))), "k0x3000+1000"),
        (in_ccb(ccb("SCSI_IO", "OUT", "PADDR", 0, r#","paddr":"0x7003""#)), "p0x7003+1000"),
        (in_ccb(ccb("CONT_TARGET_IO", "BOTH", "SG", 3, &sg)), "k0x1100+100 k0x3000+900"),
        (in_ccb(ccb("SCSI_IO", "IN", "SG", 1, &sg)), "k0x1100+100"),
        (in_ccb(ccb("ATA_IO", "IN", "SG", 3, &sg)), ""),
        (in_ccb(ccb("SCSI_IO", "IN", "SG", 9, &sg)), "k0x1100+100 k0x3000+900"),
        (in_ccb(ccb("NVME_IO", "IN", "SG_PADDR", 3, &format!(r#","list":{phys}"#))), "p0x7000+10 p0x9000+20"),
        (in_ccb(ccb("NVME_ADMIN", "IN", "SG_PADDR", 1, &format!(r#","list":{phys}"#))), "p0x7000+10"),
        (in_ccb(ccb("ATA_IO", "IN", "SG_PADDR", 3, &format!(r#","list":{phys}"#))), ""),
        (in_ccb(ccb("SCSI_IO", "IN", "BIO", 0, &format!(r#","bio":{bio_mapped}"#))), "k0x1100+90"),
        (in_ccb(ccb("SCSI_IO", "IN", "INVALID", 0, "")), ""),
        (in_ccb(ccb("SCSI_IO", "NONE", "VADDR", 0, &format!(r#","buf":{b}"#))), ""),
        (format!(r#""kind":"mbuf",{chain}"#), all),
        (format!(r#""kind":"mbuf_sg","segs_max":4,{chain}"#), all),
        (format!(r#""kind":"uio","uio":{}"#, uio(110, "SYSSPACE")), "k0x1100+100 k0x3000+10"),
        (format!(r#""kind":"uio","uio":{}"#, uio(99999, "USERSPACE")), "u0x1100+100 u0x3000+5000 u0x9ff0+32"),
        (in_mem(&format!(r#""type":"VADDR","buf":{a}"#)), "k0x1100+100"),
        (in_mem(r#""type":"PADDR","paddr":"0x77","len":8000"#), "p0x77+8000"),
        (in_mem(&format!(r#""type":"VLIST","list":{list}"#)), all),
        (in_mem(&format!(r#""type":"PLIST","list":{phys}"#)), "p0x7000+10 p0x9000+20"),
        (in_mem(&format!(r#""type":"BIO","bio":{bio_unmapped}"#)), "p0x1fa0+96 p0x8000+4096 p0x3000+808"),
        (in_mem(&format!(r#""type":"UIO","uio":{}"#, uio(10, "USERSPACE"))), "u0x1100+10"),
        (in_mem(&format!(r#""type":"MBUF",{chain}"#)), all),
        // The load_mem path does not look at the direction.
        (
            in_mem(&format!(r#""type":"CCB","ccb":{}"#, ccb("SCSI_IO", "NONE", "PADDR", 0, r#","paddr":"0x0""#))),
            "p0x0+1000",
        ),
    ];
    // One request and one machine for all: nothing may be left over from the case before.
    let (mut request, mut machine) = (Request::default(), machine());
    for (fields, ranges) in cases {
        assert_eq!(take(&fields, &mut request, &mut machine).as_deref(), Ok(ranges), "{fields}");
    }
}

#[test]
fn requests_that_contradict_themselves() {
    let cases = [
        (
            r#""kind":"buffer","buf":{"vaddr":"0x1fff","len":2,"pages":["0x0"]}"#,
            "1 pages for 2 bytes at 0x1fff, expected 2",
        ),
        (
            r#""kind":"buffer","buf":{"vaddr":"0x0","len":18446744073709551615,"pages":["0x0"]}"#,
            "1 pages for 18446744073709551615 bytes at 0x0, expected 4503599627370496",
        ),
        (
            r#""kind":"buffer","buf":{"vaddr":"0xffffffffffffffff","len":2,"pages":["0x0"]}"#,
            "2 bytes at 0xffffffffffffffff run past the end of the address space",
        ),
        (
            r#""kind":"mbuf","pkthdr":true,"pkthdr_len":0,"chain":[{"vaddr":"0x0","len":1,"pages":["0x10"]}]"#,
            "page 0x10 is no multiple of 4096",
        ),
        (
            r#""kind":"bio","bio":{"type":"unmapped","bcount":1,"ma_offset":0,"pages":["0x1001"]}"#,
            "page 0x1001 is no multiple of 4096",
        ),
        (
            r#""kind":"bio","bio":{"type":"unmapped","bcount":1,"ma_offset":4096,"pages":["0x1000"]}"#,
            "ma_offset is 4096, expected less than 4096",
        ),
    ];
    for (fields, error) in cases {
        assert_eq!(take(fields, &mut Request::default(), &mut machine()).unwrap_err(), error, "{fields}");
    }
}

#[test]
fn bytes_are_counted_filled_and_hashed() {
    let (mut request, mut machine) = (Request::default(), machine());
    let chain =
        r#"[{"vaddr":"0x1ffe","len":3,"pages":["0x8000","0x5000"]},{"vaddr":"0x7000","len":2,"pages":["0x8000"]}]"#;
    take(&format!(r#""kind":"mbuf","pkthdr":true,"pkthdr_len":5,"chain":{chain}"#), &mut request, &mut machine)
        .unwrap();
    let desc = request.desc().unwrap();
    assert_eq!(byte_count(&desc), Ok(5));
    assert_eq!(fill(&desc, 42, &mut machine), Ok(5));
    let mut pattern = [0; 5];
    Pattern::new(42).write_to(&mut pattern);
    let mut bytes = [0; 2];
    machine.memory().read(PhysAddr::new(0x8ffe), &mut bytes);
    assert_eq!(bytes, pattern[..2]);
    machine.memory().read(PhysAddr::new(0x8000), &mut bytes);
    assert_eq!(bytes, pattern[3..]);
    let mut fnv = Fnv1a::new();
    fnv.write(&pattern);
    assert_eq!(hash(&desc, &machine), Ok(Some(fnv.finish())));
}

#[test]
fn bytes_out_of_reach() {
    let (mut request, mut machine) = (Request::default(), machine());
    let mem = |fields: &str| format!(r#""kind":"mem","mem":{{{fields}}}"#);
    take(&mem(r#""type":"PADDR","paddr":"0x0","len":1000000000000"#), &mut request, &mut machine).unwrap();
    let desc = request.desc().unwrap();
    let error = "the operation touches 1000000000000 bytes, at most 268435456 are taken";
    assert_eq!(hash(&desc, &machine).unwrap_err().to_string(), error);
    assert_eq!(fill(&desc, 1, &mut machine).unwrap_err().to_string(), error);
    let short = r#"{"func":"SCSI_IO","dir":"IN","data":"VADDR","dxfer_len":4097,"sglist_cnt":0,"buf":{"vaddr":"0x1000","len":1,"pages":["0x0"]}}"#;
    take(&format!(r#""kind":"ccb","ccb":{short}"#), &mut request, &mut machine).unwrap();
    let desc = request.desc().unwrap();
    let error = "client byte at 0x2000 is mapped to no page";
    assert_eq!(hash(&desc, &machine).unwrap_err().to_string(), error);
    assert_eq!(fill(&desc, 1, &mut machine).unwrap_err().to_string(), error);
}
