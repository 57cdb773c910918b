//! What comes from outside: keys, the mouse and signals, as one stream.

use ratatui::crossterm::event::{self, Event, MouseEvent, MouseEventKind};
use ratatui::crossterm::terminal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Something that came from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// A key, the mouse, a paste or another size.
    Input(Event),
    /// A signal that ends the program, by its number.
    End(i32),
    /// A signal that stops it.
    Stop,
    /// It goes on after a stop.
    Continue,
    /// The terminal is gone.
    Gone,
}

/// Takes keys and signals from now on, each on a thread of its own: a terminal that sends half of a sequence keeps only the
/// thread waiting that reads it.
///
/// # Errors
/// The system takes no handler or thread, or there is no terminal to read from.
pub(super) fn take() -> io::Result<Receiver<Happening>> {
    let (sender, happenings) = mpsc::channel();
    let signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])?;
    let keys = keyboard()?;
    let of_signals = sender.clone();
    thread::Builder::new().name("signals".to_owned()).spawn(move || pass_on_signals(signals, &of_signals))?;
    let of_keys = sender.clone();
    thread::Builder::new().name("keys".to_owned()).spawn(move || pass_on_input(&of_keys))?;
    thread::Builder::new().name("hang-up".to_owned()).spawn(move || pass_on_hang_up(&keys, &sender))?;
    Ok(happenings)
}

fn pass_on_signals(mut signals: Signals, to: &Sender<Happening>) {
    for signal in signals.forever() {
        let happening = match signal {
            SIGTSTP => Happening::Stop,
            SIGCONT => Happening::Continue,
            SIGWINCH => match terminal::size() {
                Ok((width, height)) => Happening::Input(Event::Resize(width, height)),
                Err(_) => Happening::Gone,
            },
            signal => Happening::End(signal),
        };
        if to.send(happening).is_err() {
            return;
        }
    }
}

/// Reading sleeps where keys and the signals of sizes are both waited for: with only one of them awaited, the library may
/// take the one for the other and leave a key behind.
fn pass_on_input(to: &Sender<Happening>) {
    loop {
        let happening = match event::read() {
            Ok(event) if says_nothing(&event) => continue,
            Ok(event) => Happening::Input(event),
            Err(_) => Happening::Gone,
        };
        if to.send(happening.clone()).is_err() || happening == Happening::Gone {
            return;
        }
    }
}

/// Sizes come with their signal; and a mouse that only moves means nothing.
fn says_nothing(event: &Event) -> bool {
    matches!(event, Event::Resize(..) | Event::Mouse(MouseEvent { kind: MouseEventKind::Moved, .. }))
}

/// Waits until the terminal is gone. Who reads from it does not notice: there is nothing to read for ever.
fn pass_on_hang_up(keys: &OwnedFd, to: &Sender<Happening>) {
    let mut waits = [PollFd::new(keys, PollFlags::empty())];
    while poll(&mut waits, None) == Err(Errno::INTR) {}
    // Nobody listens any more where this cannot be sent.
    let _ = to.send(Happening::Gone);
}

/// What keys are read from: standard input, or the terminal itself where that is something else.
fn keyboard() -> io::Result<OwnedFd> {
    if io::stdin().is_terminal() {
        io::stdin().as_fd().try_clone_to_owned()
    } else {
        Ok(File::options().read(true).write(true).open("/dev/tty")?.into())
    }
}
