//! Sockets passed by the service manager.

use super::SocketError;
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixListener;

/// The socket that was passed, if one was.
pub(super) fn passed() -> Result<Option<UnixListener>, SocketError> {
    let mut sockets = ListenFd::from_env();
    match sockets.len() {
        0 => Ok(None),
        1 => {
            let listener = sockets.take_unix_listener(0).and_then(|socket| socket.map(listening).transpose());
            listener.map_err(SocketError::UnusablePassed)
        }
        count => Err(SocketError::SeveralPassed { count }),
    }
}

/// With `Accept=yes` a connection is passed where a listener is expected.
fn listening(socket: UnixListener) -> io::Result<UnixListener> {
    if !socket_acceptconn(&socket)? {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it does not listen"));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
