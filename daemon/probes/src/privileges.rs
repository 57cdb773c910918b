//! Giving capabilities up.
//!
//! Capabilities belong to threads. Threads that are started later have those of the one that starts them, so the whole
//! process is only served while it has one thread. From Linux 5.19 on, a program that is loaded needs none to be polled,
//! switched, detached or attached again; before, `CAP_BPF` must be kept where `kernel.unprivileged_bpf_disabled` is set.

use crate::status::Capability;
use rustix::io::Errno;
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::fs;

/// Capabilities could not be given up.
#[derive(Debug, thiserror::Error)]
pub enum DropError {
    /// Other threads would keep theirs.
    #[error("the process has {count} threads, and each has capabilities of its own: give them up before starting any")]
    Threads {
        /// How many there are.
        count: usize,
    },
    /// The number of threads is unknown.
    #[error("the threads of this process cannot be counted in /proc/self/task: {0}")]
    Uncounted(std::io::Error),
    /// The kernel says no.
    #[error("{call} failed: {error}")]
    Call {
        /// Which call.
        call: &'static str,
        /// How.
        error: Errno,
    },
}

/// Gives up every capability of the process but `kept`, for good: nothing it executes gets them back.
///
/// # Errors
/// When there are other threads, or when the kernel refuses.
pub fn drop_process_to(kept: &[Capability]) -> Result<(), DropError> {
    let count = fs::read_dir("/proc/self/task").map_err(DropError::Uncounted)?.count();
    if count != 1 {
        return Err(DropError::Threads { count });
    }
    drop_thread_to(kept)
}

/// Gives up every capability of the calling thread but `kept`, for good. Other threads keep theirs.
///
/// # Errors
/// When the kernel refuses.
pub fn drop_thread_to(kept: &[Capability]) -> Result<(), DropError> {
    let failed = |call| move |error| DropError::Call { call, error };
    let kept = kept.iter().fold(CapabilitySet::empty(), |set, &capability| set | bit(capability));
    let held = thread::capabilities(None).map_err(failed("capget"))?;
    thread::set_no_new_privs(true).map_err(failed("PR_SET_NO_NEW_PRIVS"))?;
    thread::clear_ambient_capability_set().map_err(failed("PR_CAP_AMBIENT_CLEAR_ALL"))?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        shrink_bounding_set(kept)?;
    }
    let remaining = CapabilitySets {
        effective: held.permitted & kept,
        permitted: held.permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    thread::set_capabilities(None, remaining).map_err(failed("capset"))
}

/// Whether the calling thread may do what that capability allows.
pub fn has(capability: Capability) -> bool {
    let implied = match capability {
        Capability::Bpf | Capability::Perfmon => CapabilitySet::SYS_ADMIN,
        Capability::SysAdmin => CapabilitySet::empty(),
    };
    thread::capabilities(None).is_ok_and(|held| held.effective.intersects(bit(capability) | implied))
}

fn shrink_bounding_set(kept: CapabilitySet) -> Result<(), DropError> {
    for capability in CapabilitySet::all() - kept {
        match thread::remove_capability_from_bounding_set(capability) {
            // A kernel that does not know a capability cannot give it back.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(DropError::Call { call: "PR_CAPBSET_DROP", error }),
        }
    }
    Ok(())
}

const fn bit(capability: Capability) -> CapabilitySet {
    match capability {
        Capability::Bpf => CapabilitySet::BPF,
        Capability::Perfmon => CapabilitySet::PERFMON,
        Capability::SysAdmin => CapabilitySet::SYS_ADMIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_loses_all_but_the_kept_and_others_do_not_notice() {
        let before = thread::capabilities(None).unwrap().effective;
        let after = std::thread::spawn(|| {
            drop_thread_to(&[Capability::Bpf]).unwrap();
            assert!(!has(Capability::SysAdmin));
            thread::capabilities(None).unwrap().effective
        });
        assert_eq!(after.join().unwrap(), before & CapabilitySet::BPF);
        assert_eq!(thread::capabilities(None).unwrap().effective, before);
    }

    #[test]
    fn a_process_with_threads_is_refused() {
        // The test harness runs each test in a thread of its own.
        assert!(matches!(drop_process_to(&[]), Err(DropError::Threads { count: 2.. })));
    }
}
