//! Descriptors that nobody asked for, and too many of them.

use crate::fault::{Conditions, Rig, fault};
use crate::raw::{Heard, KERNEL_DESCRIPTORS, Raw};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What one message may carry.
const MOST: usize = busdma_api::wire::DESCRIPTORS_MAX;

const INFO: &[u8] = b"{\"method\":\"org.varlink.service.GetInfo\"}\0";

fn files(count: usize) -> Vec<OwnedFd> {
    (0..count).map(|_| memfd_create("stray", MemfdFlags::CLOEXEC).unwrap()).collect()
}

fn borrowed(files: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    files.iter().map(AsFd::as_fd).collect()
}

/// Descriptors with each part of a message, on a connection of its own.
fn sent(rig: &Rig, parts: &[(&[u8], usize)]) -> Raw {
    let mut raw = rig.raw();
    for &(bytes, count) in parts {
        // The daemon may have hung up over the part before.
        let _ = raw.send_with(bytes, &borrowed(&files(count)));
    }
    raw
}

#[test]
fn what_comes_with_a_call_that_takes_none_is_closed() {
    fault(Conditions::USUAL, |rig| {
        for count in [1, MOST] {
            let mut raw = sent(rig, &[(INFO, count), (b"{\"method\":\"no.Such\"}\0", count), (INFO, count)]);
            assert_eq!(raw.reply()["parameters"]["product"], "busdmad");
            assert_eq!(raw.reply()["error"], "org.varlink.service.InterfaceNotFound");
            assert_eq!(raw.reply()["parameters"]["product"], "busdmad");
            assert!(!rig_has(rig, "stray"), "{count} are left behind");
        }
        // Several calls in one write.
        let mut raw = sent(rig, &[(&INFO.repeat(3), MOST)]);
        for _ in 0..3 {
            raw.reply();
        }
        assert!(!rig_has(rig, "stray"));
    });
}

#[test]
fn too_many_end_the_connection() {
    let (front, back) = INFO.split_at(10);
    let middle = &INFO[10..20];
    let cases: &[&[(&[u8], usize)]] = &[
        &[(INFO, MOST + 1)],
        &[(INFO, KERNEL_DESCRIPTORS)],
        &[(front, MOST), (back, 1)],
        &[(front, 1), (middle, MOST)],
        &[(front, 9), (middle, 9)],
    ];
    fault(Conditions::USUAL, |rig| {
        for case in cases {
            let mut raw = sent(rig, case);
            assert_eq!(raw.heard(), Heard::End, "{:?}", case.iter().map(|part| part.1).collect::<Vec<_>>());
            assert!(!rig_has(rig, "stray"));
        }
    });
}

/// One byte at a time, each with as many as go: the daemon never holds more than a message may have.
#[test]
fn they_cannot_be_hoarded_in_a_message_that_never_ends() {
    fault(Conditions::USUAL, |rig| {
        let mut raw = rig.raw();
        let files = files(MOST);
        let refused = (0..1000).find_map(|_| raw.send_with(b" ", &borrowed(&files)).err());
        assert!(refused.is_some(), "the daemon took 16000 descriptors");
        assert_eq!(raw.heard(), Heard::End);
    });
}

/// What each message of a row may carry, it may carry however the row is cut.
#[test]
fn as_many_as_a_message_may_carry_go_with_each() {
    fault(Conditions::USUAL, |rig| {
        let (front, back) = INFO.split_at(INFO.len() - 3);
        let mut raw = rig.raw();
        for _ in 0..20 {
            raw.send_with(front, &borrowed(&files(MOST))).unwrap();
            raw.send(back);
        }
        for _ in 0..20 {
            assert_eq!(raw.reply()["parameters"]["product"], "busdmad");
        }
    });
}

#[test]
fn half_a_message_with_descriptors_and_the_end() {
    fault(Conditions::USUAL, |rig| {
        for _ in 0..50 {
            drop(sent(rig, &[(&INFO[..12], MOST)]));
        }
    });
}

/// Whether the daemon has a file of that name open.
fn rig_has(rig: &Rig, name: &str) -> bool {
    let entries = std::fs::read_dir(format!("/proc/{}/fd", rig.daemon.pid())).unwrap();
    let targets = entries.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    targets.into_iter().any(|target| target.to_string_lossy().contains(name))
}
