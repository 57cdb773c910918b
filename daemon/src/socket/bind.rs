//! Makes the socket's file, with the right permissions from its first moment, and takes it away again.

use super::SocketError;
use crate::config::SocketConfig;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::umask;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Bytes a path may have: `sun_path` less its end mark.
const PATH_MAX: usize = 107;

/// Listens at the path, whose lock must be held. A socket that nobody listens on is replaced.
pub(super) fn bind(path: &Path, config: &SocketConfig) -> Result<(UnixListener, BoundFile), SocketError> {
    if path.as_os_str().len() > PATH_MAX {
        return Err(SocketError::PathTooLong { path: path.to_owned(), max: PATH_MAX });
    }
    let failed = |source: io::Error| SocketError::Bind { path: path.to_owned(), source };
    let address = SocketAddrUnix::new(path).map_err(|errno| failed(errno.into()))?;
    remove_stale(path, &address)?;
    let socket = stream_socket().map_err(|errno| failed(errno.into()))?;
    // A mode set after the socket's file is there would come too late for who connects in between.
    let former = umask(Mode::from_bits_truncate(0o777) - config.mode);
    let bound = rustix::net::bind(&socket, &address);
    umask(former);
    bound.map_err(|errno| failed(errno.into()))?;
    let file = BoundFile::new(path).map_err(failed)?;
    let backlog = i32::try_from(config.backlog).unwrap_or(i32::MAX);
    rustix::net::listen(&socket, backlog).map_err(|errno| failed(errno.into()))?;
    Ok((UnixListener::from(socket), file))
}

fn stream_socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Removes what a daemon left that did not end cleanly. The lock tells of other daemons; connecting tells of the service
/// manager, which listens before it starts one.
fn remove_stale(path: &Path, address: &SocketAddrUnix) -> Result<(), SocketError> {
    let failed = |source: io::Error| SocketError::Bind { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::Occupied { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    let probe = stream_socket().map_err(|errno| failed(errno.into()))?;
    match rustix::net::connect(&probe, address) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).map_err(failed),
        Ok(()) | Err(Errno::AGAIN) => Err(SocketError::Running { path: path.to_owned(), pid: None }),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// The file of a socket made here; removed when dropped, unless something else has taken its place.
#[derive(Debug)]
pub(super) struct BoundFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl BoundFile {
    fn new(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }
}

impl Drop for BoundFile {
    fn drop(&mut self) {
        let still_ours = |metadata: fs::Metadata| (metadata.dev(), metadata.ino()) == (self.device, self.inode);
        if fs::symlink_metadata(&self.path).is_ok_and(still_ours)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}
