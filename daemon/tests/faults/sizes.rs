//! Requests that are valid and far too large: refused by a number, before anybody has to wait for them.

use crate::driver::{PAGE, load};
use crate::fault::{Conditions, fault};
use busdma_api::client::{CallError, Client};
use busdma_api::engine::{
    Buffer, CreateMachine, CreateMap, CreateTag, DescribeMemory, EngineError, Load, Mbuf, MemDesc, OnError, Operation,
    OperationResult, PhysRange, ReadMemory, RegisterMemory, Request, Submit, Template, Unload, ZoneMemory,
};
use busdma_api::{Hex, MapRef, MemoryRef};

/// As much memory as one connection may have.
const LENGTH: u64 = 1 << 30;

/// A map of a tag made from a template.
fn map(client: &mut Client, template: Template) -> MapRef {
    let tag = CreateTag { template: Some(template), ..CreateTag::default() };
    let tag = client.call(&tag).unwrap().tag;
    client.call(&CreateMap { tag }).unwrap().map
}

fn memory(client: &mut Client, length: u64) -> MemoryRef {
    client.call(&RegisterMemory { length, ..RegisterMemory::default() }).unwrap().memory
}

fn refused(client: &mut Client, call: &Load) {
    match client.call(call) {
        Err(CallError::Refused(EngineError::QuotaExceeded { quota, limit, .. })) => {
            assert_eq!((quota.as_str(), limit), ("load_pieces", 1 << 20));
        }
        other => panic!("{:?}", other.map(|reply| reply.segments.len())),
    }
}

/// Segments of a byte each would take the host's memory, and the machine for minutes.
#[test]
fn a_load_of_a_billion_segments() {
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        let memory = memory(&mut client, LENGTH);
        let bytes = map(&mut client, Template { maxsegsz: Some(1), ..Template::default() });
        refused(&mut client, &load(bytes, memory, LENGTH));
        // A tag that does not allow so many fails at its limit, however many there would be.
        let few = map(&mut client, Template { maxsegsz: Some(1), nsegments: Some(8), ..Template::default() });
        let error = client.call(&load(few, memory, 8 << 20)).unwrap_err();
        assert!(matches!(error, CallError::Refused(EngineError::TooManySegments { limit: 8, .. })), "{error:?}");
        // Pages are no more than memory has.
        let pages = map(&mut client, Template { maxsegsz: Some(PAGE), ..Template::default() });
        let loaded = client.call(&load(pages, memory, LENGTH)).unwrap();
        assert_eq!(loaded.segments.len() as u64, LENGTH / PAGE);
        assert_eq!(loaded.segments.iter().map(|segment| segment.length).sum::<u64>(), LENGTH);
    });
}

/// The same memory over and over.
#[test]
fn a_load_of_a_terabyte() {
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        let bouncing = Template { lowaddr: Some(Hex(0x0fff_ffff)), maxsize: Some(PAGE), ..Template::default() };
        let (map, memory) = (map(&mut client, bouncing), memory(&mut client, LENGTH));
        let buffer = Buffer { memory, offset: None, length: LENGTH };
        let chain = vec![buffer; 1024];
        let mbuf = Mbuf { packet_length: Some(1024 * LENGTH), chain: chain.clone() };
        let paddr = client.call(&DescribeMemory { memory }).unwrap().runs[0].paddr;
        let plist = vec![PhysRange { paddr, length: LENGTH }; 1024];
        for request in [
            Request::MbufSg(mbuf),
            Request::Mem(Box::new(MemDesc::Vlist(chain))),
            Request::Mem(Box::new(MemDesc::Plist(plist))),
            Request::Mem(Box::new(MemDesc::Paddr(PhysRange { paddr, length: u64::MAX - (16 << 30) }))),
        ] {
            refused(&mut client, &Load { map, request, wait: None });
        }
    });
}

/// Each reads as much as one call may, together more than any memory holds.
#[test]
fn a_batch_of_64_gigabytes_of_replies() {
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        let pages = Template { maxsegsz: Some(PAGE), ..Template::default() };
        let (map, memory) = (map(&mut client, pages), memory(&mut client, 64 << 20));
        let read = Operation::ReadMemory(ReadMemory { memory, offset: None, length: 1 << 20 });
        let call = Submit { operations: vec![read; 65_536], on_error: Some(OnError::GoOn) };
        let results = client.call(&call).unwrap().results;
        assert_eq!(results.len(), 65_536);
        let read = results.iter().take_while(|result| matches!(result, OperationResult::ReadMemory(_))).count();
        // As many as make 16 MiB of base64.
        assert_eq!(read, 12);
        for result in &results[read..] {
            let OperationResult::Failed(failure) = result else { panic!("{result:?}") };
            assert_eq!(failure.error, "org.busdma.Engine.QuotaExceeded");
        }
        // What was refused was not carried out.
        let load = Operation::Load(load(map, memory, 64 << 20));
        let turn = [load, Operation::Unload(Unload { map })];
        let operations = turn.iter().cycle().take(65_536).cloned().collect();
        let results = client.call(&Submit { operations, on_error: None }).unwrap().results;
        assert!(results.len() < 65_536);
        let failed = results.iter().filter(|result| matches!(result, OperationResult::Failed(_))).count();
        assert_eq!(failed, 1);
    });
}

/// More pools than a message can carry descriptors for are refused, and the connection goes on.
#[test]
fn more_pools_than_descriptors_go_with_a_message() {
    fault(Conditions::USUAL, |rig| {
        let mut client = rig.client();
        let machine = client.call(&CreateMachine::default()).unwrap().machine;
        for pools in 1..=20_u32 {
            // Lower and lower, or the zone that is there would do.
            let lowaddr = Some(Hex((1 << 30) - 1 - (u64::from(pools) << 20)));
            let template = Template { lowaddr, maxsize: Some(PAGE), ..Template::default() };
            let tag = CreateTag { machine: Some(machine), template: Some(template), ..CreateTag::default() };
            let tag = client.call(&tag).unwrap().tag;
            client.call(&CreateMap { tag }).unwrap();
            match client.call_with(&ZoneMemory { machine }, &[]) {
                Ok((reply, files)) => {
                    assert!(pools <= 16);
                    assert_eq!([reply.pools.len(), files.len()], [pools as usize; 2]);
                }
                Err(CallError::Refused(EngineError::QuotaExceeded { quota, limit, .. })) => {
                    assert!(pools > 16);
                    assert_eq!((quota.as_str(), limit), ("file_descriptors", 16));
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    });
}
