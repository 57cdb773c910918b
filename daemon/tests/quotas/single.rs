//! Limits with a shape of their own.

use crate::PAGE;
use crate::daemon::PATIENCE;
use crate::holder::Holder;
use crate::served::{Served, answered, exceeded, quota_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use busdma_api::Hex;
use busdma_api::client::CallError;
use busdma_api::engine::{
    BounceModel, Buffer, CreateMachine, CreateMap, CreateTag, DeviceRead, DeviceWrite, Join, Load, Operation,
    ReadMemory, RegisterMemory, Request, Session, Submit, WriteMemory,
};
use busdma_presets::Catalog;
use busdmad::config::Quota;
use rustix::process::Signal;
use std::fs;
use std::time::Instant;

/// A preset's tags come together or not at all.
#[test]
fn a_preset_with_more_tags_than_are_left_makes_none() {
    let (name, tags) = Catalog::embedded()
        .presets()
        .iter()
        .map(|preset| (preset.name.clone(), preset.chain().len() as u64))
        .find(|(_, tags)| *tags > 1)
        .unwrap();
    let served = Served::new(&format!("[limits.per_connection]\ntags = {}", 2 * tags - 1));
    let mut client = served.client();
    let preset = CreateTag { preset: Some(name), ..CreateTag::default() };
    let made = client.call(&preset).unwrap();
    assert_eq!(made.parents.as_ref().map_or(0, Vec::len) as u64 + 1, tags);
    assert_eq!(answered(client.call(&preset)), Err(exceeded("tags", 2 * tags - 1, "connection")));
    assert_eq!(quota_of(&client.call(&Session {}).unwrap(), Quota::Tags)[0], tags);
    for _ in 0..tags - 1 {
        client.call(&CreateTag::default()).unwrap();
    }
}

#[test]
fn a_private_machine_has_no_larger_pool_than_a_session_may_have() {
    let served = Served::new("[limits.per_connection]\nbounce_pages = 100\n[host0]\nbounce_frames = 100");
    let mut client = served.client();
    let mut create = |frames| {
        let bounce = Some(BounceModel { base: Hex(1 << 20), stride: PAGE, frames });
        answered(client.call(&CreateMachine { bounce, ..CreateMachine::default() })).map(drop)
    };
    assert_eq!(create(100), Ok(()));
    assert_eq!(create(101), Err(exceeded("bounce_pages", 100, "connection")));
}

/// Limits that are lowered hold for what is asked from then on.
#[test]
fn a_reload_takes_nothing_away() {
    let mut served = Served::new("[limits.per_connection]\ntags = 3");
    let mut holder = Holder::new(&served.socket, |_| {});
    let mut taken: Vec<_> = (0..3).map(|_| holder.take_tag().unwrap()).collect();
    fs::write(&served.config, "[limits.per_connection]\ntags = 1").unwrap();
    served.daemon.send(Signal::HUP);
    served.daemon.logged("limits reloaded");
    for held in (1..=3).rev() {
        assert_eq!(quota_of(&holder.call(&Session {}).unwrap(), Quota::Tags)[..2], [held, 1]);
        assert_eq!(holder.take_tag().unwrap_err(), exceeded("tags", 1, "connection"));
        holder.give(taken.pop().unwrap());
    }
    holder.take_tag().unwrap();
}

#[test]
fn connections_of_a_session() {
    let served = Served::new("[limits.per_connection]\nconnections = 3");
    let mut first = served.client();
    let token = first.call(&Session {}).unwrap().token;
    let join = || {
        let mut client = served.client();
        answered(client.call(&Join { token: token.clone() })).map(|_| client)
    };
    let mut others = vec![join().unwrap(), join().unwrap()];
    assert_eq!(join().unwrap_err(), exceeded("connections", 3, "connection"));
    assert_eq!(quota_of(&first.call(&Session {}).unwrap(), Quota::Connections)[..2], [3, 3]);
    // Who is in it already takes no place.
    others[0].call(&Join { token: token.clone() }).unwrap();
    drop(others.pop());
    let begun = Instant::now();
    while let Err(error) = join() {
        assert!(begun.elapsed() < PATIENCE, "{error:?}");
    }
}

#[test]
fn connections_of_a_user_and_of_the_daemon() {
    for limits in ["[limits]\nconnections = 3", "[limits.per_uid]\nconnections = 3"] {
        let served = Served::new(limits);
        let serves = || {
            let mut client = served.client();
            client.call(&Session {}).map(|_| client)
        };
        let mut clients = vec![serves().unwrap(), serves().unwrap(), serves().unwrap()];
        for _ in 0..10 {
            let error = serves().expect_err(limits);
            assert!(matches!(error, CallError::Closed | CallError::Wire(_)), "{error:?}");
        }
        for client in &mut clients {
            client.call(&Session {}).unwrap();
        }
        clients.pop();
        let begun = Instant::now();
        while let Err(error) = serves() {
            assert!(begun.elapsed() < PATIENCE, "{error:?}");
        }
    }
}

#[test]
fn operations_of_a_batch() {
    let served = Served::new("[limits]\nbatch_operations = 10");
    let mut client = served.client();
    let mut submit = |count| {
        let operations = vec![Operation::CreateTag(Box::default()); count];
        answered(client.call(&Submit { operations, on_error: None })).map(|reply| reply.results.len())
    };
    assert_eq!(submit(10), Ok(10));
    assert_eq!(submit(11), Err(exceeded("batch_operations", 10, "connection")));
    assert_eq!(submit(10), Ok(10));
    // None of the eleven was carried out.
    assert_eq!(quota_of(&client.call(&Session {}).unwrap(), Quota::Tags)[0], 20);
}

/// Lengths that leave one, two or no bytes over in base64.
#[test]
fn bytes_of_one_transfer() {
    for limit in [8190, 8191, 8192] {
        let served = Served::new(&format!("[limits]\ntransfer_bytes = {limit}"));
        let mut client = served.client();
        let tag = client.call(&CreateTag::default()).unwrap().tag;
        let map = client.call(&CreateMap { tag }).unwrap().map;
        let register = RegisterMemory { length: 4 * PAGE, ..RegisterMemory::default() };
        let memory = client.call(&register).unwrap().memory;
        let request = Request::Buffer(Buffer { memory, offset: None, length: 4 * PAGE });
        let loaded = client.call(&Load { map, request, wait: None }).unwrap();
        assert_eq!(loaded.segments.len(), 1);
        let mut transfers = |length: u64| {
            let data = STANDARD.encode(vec![7; usize::try_from(length).unwrap()]);
            let (offset, segment) = (Some(1), 0);
            [
                answered(client.call(&WriteMemory { memory, offset, data: data.clone() })).map(drop),
                answered(client.call(&ReadMemory { memory, offset, length })).map(|read| assert_eq!(read.data, data)),
                answered(client.call(&DeviceWrite { map, segment, offset, data: data.clone() })).map(drop),
                answered(client.call(&DeviceRead { map, segment, offset, length: Some(length) }))
                    .map(|read| assert_eq!(read.data, data)),
            ]
        };
        assert_eq!(transfers(limit), [const { Ok(()) }; 4]);
        for more in [1, 2, 3] {
            assert_eq!(transfers(limit + more), [(); 4].map(|()| Err(exceeded("transfer_bytes", limit, "connection"))));
        }
        let rest = DeviceRead { map, segment: 0, offset: Some(4 * PAGE - limit), length: None };
        client.call(&rest).unwrap();
        let rest = DeviceRead { offset: Some(4 * PAGE - limit - 1), ..rest };
        assert_eq!(answered(client.call(&rest)), Err(exceeded("transfer_bytes", limit, "connection")));
    }
}
