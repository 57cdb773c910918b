//! What became of a program, and why.

use std::fmt;

/// What became of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProbeStatus {
    /// It could be attached, and nobody wants it.
    Disabled,
    /// It runs.
    Attached,
    /// The kernel has no such tracepoint: it is older or newer than the one that has, or was built without the subsystem.
    Missing,
    /// A right is missing.
    Denied {
        /// The first that is.
        capability: Capability,
    },
    /// Anything else.
    Failed {
        /// What.
        why: Failure,
    },
}

/// A capability of Linux, as far as probes need it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Capability {
    /// `CAP_BPF`: maps and programs.
    Bpf,
    /// `CAP_PERFMON`: programs that look at the kernel.
    Perfmon,
    /// `CAP_SYS_ADMIN`: both of these, frames in `/proc/self/pagemap`, and time measurement.
    SysAdmin,
}

/// Why a program cannot run, other than a missing right.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// There is no `/sys/kernel/btf/vmlinux`.
    #[error(
        "the kernel has no type information in /sys/kernel/btf/vmlinux: run one that was built with \
             CONFIG_DEBUG_INFO_BTF=y, as distributions do"
    )]
    NoBtf,
    /// The type information cannot be read or understood.
    #[error("the kernel's type information cannot be read ({error}): check that /sys is mounted and readable")]
    UnreadableBtf {
        /// How that showed.
        error: Box<str>,
    },
    /// Linux before 5.8.
    #[error("Linux {release} has no ring buffers for eBPF: run 5.8 or later, and 6.12 or later for dma events")]
    OldKernel {
        /// The kernel's release.
        release: Box<str>,
    },
    /// `lockdown=confidentiality`.
    #[error(
        "the kernel is locked down for confidentiality, so that no program may read its memory: \
             boot with lockdown=integrity"
    )]
    Lockdown,
    /// The capabilities are there, and yet the kernel refuses.
    #[error(
        "the kernel refuses although the capabilities are there: the process is in a container or user namespace, \
             or a security module forbids eBPF; run it on the host itself"
    )]
    Refused,
    /// No memory for maps or programs.
    #[error(
        "no memory for the programs' maps: take a smaller ring, or raise the limit of locked memory on Linux \
             before 5.11"
    )]
    NoMemory,
    /// The verifier says no.
    #[error(
        "the kernel's verifier refuses the program ({error}), whose last words were: {log}; this kernel needs \
             another build of busdma"
    )]
    Verifier {
        /// The error of the system call.
        error: Box<str>,
        /// The end of the verifier's log.
        log: Box<str>,
    },
    /// The object and this crate do not fit each other.
    #[error("the object with the programs cannot be used ({error}): build busdma anew")]
    Object {
        /// How that showed.
        error: Box<str>,
    },
    /// Any other system call failed.
    #[error("{call} failed: {error}")]
    Call {
        /// Which.
        call: &'static str,
        /// How.
        error: Box<str>,
    },
}

impl ProbeStatus {
    /// Whether it runs.
    pub fn is_attached(&self) -> bool {
        matches!(self, Self::Attached)
    }
}

impl Capability {
    /// As Linux spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
            Self::SysAdmin => "CAP_SYS_ADMIN",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for ProbeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str("disabled"),
            Self::Attached => f.write_str("attached"),
            Self::Missing => f.write_str("missing: this kernel has no such tracepoint"),
            Self::Denied { capability } => write!(
                f,
                "denied: {capability} is missing; run as root, or with CAP_BPF, CAP_PERFMON and, for physical \
                 addresses of scatter lists, CAP_SYS_ADMIN, which are all given up once attached"
            ),
            Self::Failed { why } => write!(f, "failed: {why}"),
        }
    }
}
