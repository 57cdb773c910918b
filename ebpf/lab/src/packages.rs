//! What the lab needs from Debian: the emulator, and a kernel new enough to trace DMA.
//!
//! The emulator is the machine's own. The kernel's package is only unpacked, into a folder of the lab's, with lists and
//! sources that are the lab's too: the machine's own apt settings stay as they are.

use crate::command::{self, CommandError};
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use thiserror::Error;

const QEMU_PROGRAM: &str = "qemu-system-x86_64";
const QEMU_PACKAGE: &str = "qemu-system-x86";
/// Depends on the current kernel of the flavour that has NVMe, virtio, udmabuf and the IOMMU built in.
const KERNEL_PACKAGE: &str = "linux-image-cloud-amd64";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR: &str = "http://deb.debian.org/debian";
/// The events of `dma:*` came with Linux 6.12; suites are tried in this order.
const SUITES: [&str; 2] = ["bookworm-backports", "trixie"];
const OLDEST_KERNEL: (u32, u32) = (6, 12);

/// The parts a guest is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// The emulator.
    pub qemu: PathBuf,
    /// The kernel to boot.
    pub kernel: PathBuf,
    /// The folder with that kernel's modules, `/lib/modules/RELEASE/kernel` of its package.
    pub modules: PathBuf,
}

/// Why a part is not to be had.
#[derive(Debug, Error)]
pub enum PackagesError {
    /// There is no emulator, and only root can install it.
    #[error("{QEMU_PROGRAM} is not on this machine: install Debian's package {QEMU_PACKAGE}")]
    NoQemu,
    /// Installing the emulator failed.
    #[error("Debian's package {QEMU_PACKAGE} cannot be installed: {0}")]
    Install(CommandError),
    /// No suite gave a kernel.
    #[error("no kernel ≥ {}.{} from {MIRROR}: {source}", OLDEST_KERNEL.0, OLDEST_KERNEL.1)]
    Kernel {
        /// What became of the first suite.
        source: Box<KernelError>,
    },
    /// The lab's own folder cannot be used.
    #[error("{path} cannot be used: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a suite gives no kernel.
#[derive(Debug, Error)]
pub enum KernelError {
    /// apt failed.
    #[error(transparent)]
    Apt(#[from] CommandError),
    /// The package names no kernel.
    #[error("{KERNEL_PACKAGE} of {suite} depends on no kernel package")]
    NoDependency {
        /// The suite.
        suite: &'static str,
    },
    /// The kernel is too old.
    #[error("{package} of {suite} is too old")]
    TooOld {
        /// The suite.
        suite: &'static str,
        /// The kernel's package.
        package: String,
    },
    /// The unpacked package has no kernel in it.
    #[error("{package} holds no kernel")]
    Empty {
        /// The kernel's package.
        package: String,
    },
    /// A folder could not be read or written.
    #[error("the kernel's folder cannot be used: {0}")]
    Folder(#[from] io::Error),
}

/// Gets all parts; what is in `cache` already is taken as it is. Needs no network then.
///
/// # Errors
///
/// A part that is neither there nor can be fetched.
pub fn obtain(cache: &Path) -> Result<Parts, PackagesError> {
    fs::create_dir_all(cache).map_err(|source| PackagesError::Folder { path: cache.to_owned(), source })?;
    let qemu = qemu()?;
    if let Some((kernel, modules)) = unpacked_kernel(cache) {
        return Ok(Parts { qemu, kernel, modules });
    }
    let mut first = None;
    for suite in SUITES {
        match fetch_kernel(cache, suite) {
            Ok((kernel, modules)) => return Ok(Parts { qemu, kernel, modules }),
            Err(error) => first = first.or(Some(error)),
        }
    }
    let error = first.unwrap_or(KernelError::NoDependency { suite: SUITES[0] });
    Err(PackagesError::Kernel { source: Box::new(error) })
}

/// Forgets the kernel in `cache`, so that the next [`obtain`] fetches the current one.
///
/// # Errors
///
/// A folder that cannot be removed.
pub fn forget_kernel(cache: &Path) -> io::Result<()> {
    match fs::remove_dir_all(cache.join("kernel")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn qemu() -> Result<PathBuf, PackagesError> {
    if let Some(path) = in_path(QEMU_PROGRAM) {
        return Ok(path);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(PackagesError::NoQemu);
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
        command
    };
    command::output(apt().arg("update")).map_err(PackagesError::Install)?;
    command::output(apt().args(["install", "-y", "--no-install-recommends", QEMU_PACKAGE]))
        .map_err(PackagesError::Install)?;
    in_path(QEMU_PROGRAM).ok_or(PackagesError::NoQemu)
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn unpacked_kernel(cache: &Path) -> Option<(PathBuf, PathBuf)> {
    let root = cache.join("kernel");
    let kernel = only_entry(&root.join("boot"), "vmlinuz-")?;
    let modules = only_entry(&root.join("lib/modules"), "")?.join("kernel");
    modules.is_dir().then_some((kernel, modules))
}

fn only_entry(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
}

/// The kernel of `suite`. It appears in `cache` only when it is whole.
fn fetch_kernel(cache: &Path, suite: &'static str) -> Result<(PathBuf, PathBuf), KernelError> {
    let apt = PrivateApt::new(cache, suite)?;
    command::output(apt.command("apt-get").args(["-q", "update"]))?;
    let depends = command::output(apt.command("apt-cache").args(["depends", KERNEL_PACKAGE]))?;
    let package = dependency(&depends).ok_or(KernelError::NoDependency { suite })?.to_owned();
    if release_of(&package).is_none_or(|release| release < OLDEST_KERNEL) {
        return Err(KernelError::TooOld { suite, package });
    }
    let downloads = cache.join("download");
    let partial = cache.join("kernel.partial");
    for folder in [&downloads, &partial] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    command::output(apt.command("apt-get").args(["-q", "download", &package]).current_dir(&downloads))?;
    let empty = || KernelError::Empty { package: package.clone() };
    let file = only_entry(&downloads, &package).ok_or_else(empty)?;
    command::output(Command::new("dpkg-deb").arg("-x").arg(&file).arg(&partial))?;
    fs::rename(&partial, cache.join("kernel"))?;
    fs::remove_dir_all(&downloads)?;
    unpacked_kernel(cache).ok_or_else(empty)
}

fn dependency(depends: &str) -> Option<&str> {
    depends
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: "))
        .filter(|name| name.starts_with("linux-image-"))
}

fn release_of(package: &str) -> Option<(u32, u32)> {
    let mut numbers = package.strip_prefix("linux-image-")?.split(['.', '+', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// apt with sources, lists and caches of its own.
struct PrivateApt {
    options: Vec<String>,
}

impl PrivateApt {
    fn new(cache: &Path, suite: &str) -> io::Result<Self> {
        let folder = cache.join("apt").join(suite);
        fs::create_dir_all(folder.join("lists/partial"))?;
        fs::create_dir_all(folder.join("cache/archives/partial"))?;
        let folder = folder.canonicalize()?;
        let sources = folder.join("lab.list");
        fs::write(&sources, format!("deb [signed-by={KEYRING}] {MIRROR} {suite} main\n"))?;
        let set = |key: &str, value: &Path| format!("{key}={}", value.display());
        let options = vec![
            set("Dir::Etc::sourcelist", &sources),
            set("Dir::Etc::sourceparts", Path::new("/dev/null")),
            set("Dir::Etc::preferences", Path::new("/dev/null")),
            set("Dir::Etc::preferencesparts", Path::new("/dev/null")),
            set("Dir::State::lists", &folder.join("lists")),
            set("Dir::Cache", &folder.join("cache")),
            "APT::Architecture=amd64".to_owned(),
            "APT::Architectures=amd64".to_owned(),
            // Another user could not write into the lab's folder.
            "APT::Sandbox::User=".to_owned(),
            // An unreachable mirror is otherwise only a warning.
            "APT::Update::Error-Mode=any".to_owned(),
            "Acquire::Retries=2".to_owned(),
            "Acquire::http::Timeout=30".to_owned(),
        ];
        Ok(Self { options })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_the_one_that_the_flavour_depends_on() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(dependency(text), expected);
        let backports = "linux-image-cloud-amd64\n  Depends: linux-image-6.12.95+deb12-cloud-amd64\n";
        check(backports, Some("linux-image-6.12.95+deb12-cloud-amd64"));
        check("linux-image-cloud-amd64\n  Depends: <virtual>\n", None);
        check("", None);
    }

    #[test]
    fn a_package_tells_its_release() {
        let check = |package: &str, expected: Option<(u32, u32)>| assert_eq!(release_of(package), expected);
        check("linux-image-6.12.95+deb12-cloud-amd64", Some((6, 12)));
        check("linux-image-6.1.0-32-cloud-amd64", Some((6, 1)));
        check("linux-image-7.0-cloud-amd64", Some((7, 0)));
        check("linux-image-cloud-amd64", None);
        assert!(release_of("linux-image-6.1.0-32-cloud-amd64").is_some_and(|release| release < OLDEST_KERNEL));
    }
}
