//! The guest: the first process of the machine, which tries real DMA and hands over what came of it.
//!
//! # Reading order
//! | module | holds |
//! |---|---|
//! | [`scenario`] | **what is done**, step by step |
//! | `steps` | how each step is carried out |
//! | `block`, `udmabuf` | the loads: real disks, and memory shared with a device that needs no hardware |
//! | `daemon` | the daemon under trial |
//! | `ftrace` | the kernel's own trace of the same events |
//! | `facts` | limits, pool, addresses, kernel messages |

mod block;
mod daemon;
mod facts;
mod ftrace;
pub mod scenario;
mod steps;
mod udmabuf;

use crate::boot::PORT;
use crate::configuration::{Configuration, KEY};
use crate::parcel::{self, ParcelFile};
use rustix::mount::MountFlags;
use rustix::system::RebootCommand;
use scenario::Daemon;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use steps::Bench;
use thiserror::Error;

/// Name of the file that says why a guest did not get to its end.
pub const FAILURE: &str = "failure.txt";

/// File systems, and where they go.
const MOUNTS: [(&str, &str); 6] = [
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("debugfs", "/sys/kernel/debug"),
    ("tracefs", "/sys/kernel/tracing"),
    ("bpf", "/sys/fs/bpf"),
];

const POLL: Duration = Duration::from_millis(5);

/// What keeps a guest from its scenario. A load that fails is none of these: it is a result.
#[derive(Debug, Error)]
pub enum GuestError {
    /// A file of the kernel's could not be used.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file system could not be mounted.
    #[error("{kind} cannot be mounted on {target}: {source}")]
    Mount {
        /// The file system.
        kind: &'static str,
        /// Where it was to go.
        target: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel's command line names no configuration.
    #[error("the kernel's command line has no {KEY}=CONFIGURATION: {0}")]
    NoConfiguration(String),
    /// Something did not come in time.
    #[error("{what} did not appear within {} s", limit.as_secs())]
    Absent {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
    },
    /// A program of the image could not be run.
    #[error("{program} cannot be run: {source}")]
    Program {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program of the image ended or answered badly.
    #[error("{program} {status}")]
    ProgramFailed {
        /// The program.
        program: String,
        /// Its exit code or signal, in words.
        status: String,
    },
}

impl GuestError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

/// Runs the machine to its end, as its first process.
pub fn main() -> ! {
    let mut bench = Bench::default();
    if let Err(error) = observe(&mut bench) {
        bench.put(FAILURE, format!("{error}\n"));
        bench.salvage();
    }
    if let Err(error) = hand_over(&bench.into_files()) {
        let _ = writeln!(io::stdout(), "the parcel could not be handed over: {error}");
    }
    loop {
        // The first process may not end: the kernel would.
        let _ = rustix::system::reboot(RebootCommand::PowerOff);
        thread::sleep(POLL);
    }
}

fn observe(bench: &mut Bench) -> Result<(), GuestError> {
    mount_all()?;
    bench.note_time("init")?;
    let command_line = read("/proc/cmdline")?;
    bench.put("cmdline.txt", command_line.clone());
    let configuration = configuration(&command_line)?;
    let daemon = if Path::new(daemon::PROGRAM).exists() { Daemon::Present } else { Daemon::Absent };
    for step in scenario::steps(configuration, daemon) {
        bench.carry_out(&step)?;
    }
    bench.note_time("workload_end")?;
    facts::collect(bench)?;
    bench.note_time("collected")
}

fn mount_all() -> Result<(), GuestError> {
    for (kind, target) in MOUNTS {
        let mounted = rustix::mount::mount(kind, target, kind, MountFlags::empty(), None);
        mounted.map_err(|errno| GuestError::Mount { kind, target, source: errno.into() })?;
    }
    Ok(())
}

fn configuration(command_line: &str) -> Result<Configuration, GuestError> {
    let value = command_line.split_whitespace().find_map(|word| word.strip_prefix(KEY)?.strip_prefix('='));
    value.and_then(Configuration::named).ok_or_else(|| GuestError::NoConfiguration(command_line.trim().to_owned()))
}

fn hand_over(files: &[ParcelFile]) -> Result<(), GuestError> {
    let port = port()?;
    let open = OpenOptions::new().write(true).open(&port).map_err(GuestError::file(&port))?;
    let mut out = BufWriter::with_capacity(32 << 10, open);
    parcel::write(&mut out, files).map_err(GuestError::file(port))
}

/// The character device of the port that the host listens to.
fn port() -> Result<PathBuf, GuestError> {
    let ports = Path::new("/sys/class/virtio-ports");
    for entry in fs::read_dir(ports).map_err(GuestError::file(ports))?.filter_map(Result::ok) {
        if fs::read_to_string(entry.path().join("name")).is_ok_and(|name| name.trim() == PORT) {
            return Ok(Path::new("/dev").join(entry.file_name()));
        }
    }
    Err(GuestError::Absent { what: format!("the virtio-serial port {PORT}"), limit: Duration::ZERO })
}

fn read(path: impl AsRef<Path>) -> Result<String, GuestError> {
    let bytes = fs::read(path.as_ref()).map_err(GuestError::file(path.as_ref()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes `text` to a control file of the kernel's in one call.
fn write(path: impl AsRef<Path>, text: &str) -> Result<(), GuestError> {
    let opened = OpenOptions::new().write(true).open(path.as_ref());
    opened.and_then(|mut file: File| file.write_all(text.as_bytes())).map_err(GuestError::file(path.as_ref()))
}

/// The names in `folder`, sorted; none where it does not exist.
fn names_in(folder: &Path) -> Result<Vec<String>, GuestError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(GuestError::file(folder)(error)),
    };
    let mut names: Vec<_> =
        entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Waits until `there` says so.
fn await_that(what: &str, limit: Duration, mut there: impl FnMut() -> bool) -> Result<(), GuestError> {
    let deadline = Instant::now() + limit;
    while !there() {
        if Instant::now() >= deadline {
            return Err(GuestError::Absent { what: what.to_owned(), limit });
        }
        thread::sleep(POLL);
    }
    Ok(())
}
