//! What a worker waits on: something to tell it, or its client hanging up.

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Rung by other threads for the worker of one connection.
#[derive(Debug)]
pub(crate) struct Bell {
    event: OwnedFd,
}

/// What a worker heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// The bell, once or several times.
    Rung,
    /// The client closed its connection.
    HungUp,
    /// Nothing, for as long as was to be waited.
    Nothing,
}

impl Bell {
    /// A bell that nobody has rung.
    ///
    /// # Errors
    /// There are no more file descriptors.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Rings it; heard also if nobody waits yet.
    pub(crate) fn ring(&self) {
        // The counter can only be full, and then it has been rung.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    /// Waits until the bell is rung, the peer of `socket` is gone, or the time is up; for ever without a deadline.
    ///
    /// Calls that the client has sent ahead are not looked at, and a client that has only shut down its sending side still
    /// waits for its replies.
    pub(crate) fn wait(&self, socket: impl AsFd, deadline: Option<Instant>) -> io::Result<Heard> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.map(timespec);
            let mut sources = [PollFd::new(&self.event, PollFlags::IN), PollFd::new(&socket, PollFlags::empty())];
            match poll(&mut sources, timeout.as_ref()) {
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
                Ok(0) => return Ok(Heard::Nothing),
                Ok(_) => {}
            }
            if sources[1].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                return Ok(Heard::HungUp);
            }
            self.silence();
            return Ok(Heard::Rung);
        }
    }

    fn silence(&self) {
        let mut count = [0; 8];
        // Empty means that another wait has silenced it.
        let _ = rustix::io::read(&self.event, &mut count);
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Bell, Heard};
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    #[test]
    fn hears_the_bell_the_end_and_the_clock() {
        let bell = Bell::new().expect("a bell");
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let soon = || Some(Instant::now() + Duration::from_millis(20));
        theirs.write_all(b"sent ahead").expect("writes");
        assert_eq!(bell.wait(&ours, soon()).expect("polls"), Heard::Nothing);
        bell.ring();
        bell.ring();
        assert_eq!(bell.wait(&ours, None).expect("polls"), Heard::Rung);
        theirs.shutdown(std::net::Shutdown::Write).expect("half closes");
        assert_eq!(bell.wait(&ours, soon()).expect("polls"), Heard::Nothing);
        drop(theirs);
        assert_eq!(bell.wait(&ours, None).expect("polls"), Heard::HungUp);
    }
}
