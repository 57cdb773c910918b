//! One guest, from its disks to the parcel it hands over.

use crate::configuration::{Configuration, KEY};
use crate::packages::Parts;
use crate::parcel::{self, ParcelError, ParcelFile};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use thiserror::Error;

/// A guest that runs longer is stopped.
pub const LIMIT: Duration = Duration::from_mins(1);

/// The virtio-serial port that the parcel goes through.
pub const PORT: &str = "busdma-lab";

const DISK_BYTES: u64 = 64 << 20;
const DISKS: [&str; 3] = ["nvme", "slow", "virtio"];
const POLL: Duration = Duration::from_millis(20);
/// Lines of the console that a failure shows.
const CONSOLE_TAIL: usize = 8;

/// What came of a guest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Booted {
    /// The files it handed over.
    pub files: Vec<ParcelFile>,
    /// From the emulator's start to its end.
    pub took: Duration,
}

/// Why a guest gave nothing.
#[derive(Debug, Error)]
pub enum BootError {
    /// A file of the guest's folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The emulator could not be started or watched.
    #[error("{qemu} cannot be run: {source}")]
    Emulator {
        /// The emulator.
        qemu: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The guest was still running at the limit.
    #[error("the guest was stopped after {} s; its console ends with\n{console}", LIMIT.as_secs())]
    TooLong {
        /// The console's last lines.
        console: String,
    },
    /// The emulator failed.
    #[error("the emulator ended with {status}: {said}")]
    Failed {
        /// Its exit code or signal, in words.
        status: String,
        /// Its error output.
        said: String,
    },
    /// The guest ended without a whole parcel.
    #[error("{source}; its console ends with\n{console}")]
    Parcel {
        /// What is wrong with the parcel.
        source: ParcelError,
        /// The console's last lines.
        console: String,
    },
}

/// Boots `configuration` in `folder`, which is emptied first, and waits for its parcel.
///
/// The files are written to the folder too, beside the console's text. Two guests never share a disk: each has its own in
/// its folder, and they are removed in the end.
///
/// # Errors
///
/// A guest that takes longer than [`LIMIT`], or ends without handing over a whole parcel.
pub fn boot(parts: &Parts, image: &Path, configuration: Configuration, folder: &Path) -> Result<Booted, BootError> {
    prepare(folder)?;
    let arguments = arguments(parts, image, configuration);
    write(&folder.join("qemu.txt"), format!("{}\n", arguments.join(" ")).as_bytes())?;
    let started = Instant::now();
    run(&parts.qemu, &arguments, folder)?;
    let took = started.elapsed();
    let arrived = folder.join("parcel");
    let bytes = fs::read(&arrived).map_err(|source| BootError::File { path: arrived.clone(), source })?;
    let files = parcel::read(&bytes).map_err(|source| BootError::Parcel { source, console: console_tail(folder) })?;
    for file in &files {
        write(&folder.join(&file.name), &file.contents)?;
    }
    write(&folder.join("wall.txt"), format!("{configuration} wall_ms={}\n", took.as_millis()).as_bytes())?;
    for name in DISKS.map(disk_name).iter().chain([&"parcel".to_owned()]) {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(|source| BootError::File { path, source })?;
    }
    Ok(Booted { files, took })
}

fn prepare(folder: &Path) -> Result<(), BootError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |source| BootError::File { path, source }
    };
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(of(folder))?;
    }
    fs::create_dir_all(folder).map_err(of(folder))?;
    for disk in DISKS {
        let path = folder.join(disk_name(disk));
        File::create_new(&path).and_then(|file| file.set_len(DISK_BYTES)).map_err(of(&path))?;
    }
    Ok(())
}

fn disk_name(disk: &str) -> String {
    format!("{disk}.img")
}

/// The emulator's arguments; it runs in the guest's folder, so that no path holds a comma, which it would split at.
fn arguments(parts: &Parts, image: &Path, configuration: Configuration) -> Vec<String> {
    let kernel_arguments =
        format!("console=ttyS0 quiet panic=-1 {} {KEY}={configuration}", configuration.kernel_arguments());
    let mut arguments: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|&word| word.to_owned()));
    // Paravirtual /dev/kvm devices exist under which a guest hangs.
    add(&["-accel", "tcg,thread=multi", "-machine", "q35,kernel-irqchip=split", "-cpu", "qemu64,-cx16", "-smp", "2"]);
    add(&["-m", "512", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    add(&["-kernel", &parts.kernel.display().to_string(), "-initrd", &image.display().to_string()]);
    add(&["-append", &kernel_arguments, "-serial", "file:console.txt"]);
    // This port's device goes around the DMA API, so handing over causes no event.
    add(&["-device", "virtio-serial-pci", "-chardev", "file,id=parcel,path=parcel"]);
    add(&["-device", &format!("virtserialport,chardev=parcel,name={PORT}")]);
    let drive = |disk: &str| format!("file={},format=raw,if=none,id={disk}", disk_name(disk));
    add(&["-drive", &drive("nvme"), "-device", "nvme,drive=nvme,serial=lab0"]);
    add(&["-drive", &drive("virtio")]);
    add(&["-device", "virtio-blk-pci,drive=virtio,iommu_platform=on,disable-legacy=on"]);
    if configuration.exhausts_pool() {
        // Requests that wait in the disk hold their bounce slots, so that others find none.
        add(&["-drive", &format!("{},throttling.iops-total=20,throttling.iops-total-max=20", drive("slow"))]);
        add(&["-device", "nvme,drive=slow,serial=lab1"]);
    }
    if configuration.has_iommu() {
        add(&["-device", "intel-iommu,intremap=off"]);
    }
    arguments
}

fn run(qemu: &Path, arguments: &[String], folder: &Path) -> Result<(), BootError> {
    let errors = folder.join("qemu-errors.txt");
    let said = File::create(&errors).map_err(|source| BootError::File { path: errors.clone(), source })?;
    let emulator = |source| BootError::Emulator { qemu: qemu.to_owned(), source };
    let mut child = Command::new(qemu)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .map_err(emulator)?;
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(emulator)? {
            break status;
        }
        if Instant::now() >= deadline {
            stop(&mut child).map_err(emulator)?;
            return Err(BootError::TooLong { console: console_tail(folder) });
        }
        thread::sleep(POLL);
    };
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(&errors).unwrap_or_default().trim().to_owned();
    Err(BootError::Failed { status: status.to_string(), said })
}

fn stop(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn console_tail(folder: &Path) -> String {
    let console = fs::read(folder.join("console.txt")).unwrap_or_default();
    let console = String::from_utf8_lossy(&console);
    let lines: Vec<_> = console.lines().map(|line| format!("    {line}")).collect();
    lines[lines.len().saturating_sub(CONSOLE_TAIL)..].join("\n")
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BootError> {
    fs::write(path, bytes).map_err(|source| BootError::File { path: path.to_owned(), source })
}
