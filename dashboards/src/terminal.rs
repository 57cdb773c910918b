//! The terminal, taken for the screen and given back whatever happens.
//!
//! What has been changed of the terminal is kept in one place for the whole process, so that a panic on any thread can
//! give it back before it is told, and nothing is drawn after that.

use crate::once::Size;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use ratatui::crossterm::queue;
use ratatui::crossterm::style::{ResetColor, force_color_output};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use thiserror::Error;

/// What is drawn on where the terminal does not know its size, as serial lines do not.
const SIZE_OF_SERIAL_LINES: Rect = Rect::new(0, 0, 80, 24);

/// The terminal while it is taken: where its output goes.
static TAKEN: Mutex<Option<File>> = Mutex::new(None);

/// Whether a panic has given it back.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Why the terminal cannot be taken.
#[derive(Debug, Error)]
pub enum TerminalError {
    /// Standard output goes elsewhere.
    #[error("standard output is not a terminal; `busdma top --once` prints one frame and ends")]
    NotATerminal,
    /// The system refuses.
    #[error("cannot take the terminal: {why}")]
    Refused {
        /// What it says. Not a source: a terminal that is gone must not be taken for a closed pipe.
        why: io::Error,
    },
}

/// The terminal in raw mode with its alternate screen, mouse and paste reports and no cursor; as it was when dropped.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Output>>,
}

impl Screen {
    /// Takes the terminal. From now on a panic on any thread first gives it back.
    ///
    /// # Errors
    /// [`TerminalError`]; the terminal is as it was.
    pub fn take() -> Result<Self, TerminalError> {
        require()?;
        // NO_COLOR has been heard when the theme was chosen: one that was chosen all the same keeps its colours.
        force_color_output(true);
        give_back_before_panics_are_told();
        take().and_then(|()| Ok(Self { terminal: terminal()? })).map_err(|why| {
            give_back();
            TerminalError::Refused { why }
        })
    }

    /// Draws what has changed since it was drawn last; after a resize, everything.
    ///
    /// # Errors
    /// The terminal cannot be written to: it is gone.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(paint)?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.terminal.backend_mut())
    }

    /// Forgets what is on the screen, so that the next drawing draws everything.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub fn clear(&mut self) -> io::Result<()> {
        // Terminal::clear would ask the terminal where its cursor is, and the answer comes among the keys.
        let area = self.terminal.get_frame().area();
        self.terminal.resize(area)
    }

    /// How large it was when it was drawn last. Serial lines, which do not know their size, are drawn all the same.
    pub fn size(&mut self) -> Size {
        let area = self.terminal.get_frame().area();
        Size { width: area.width, height: area.height }
    }

    /// Gives the terminal back; drawing does nothing until it is taken again.
    pub fn give_back(&mut self) {
        give_back();
    }

    /// Takes the terminal as it is now: after a stop, the shell may have changed it.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn take_again(&mut self) -> io::Result<()> {
        give_back();
        take()?;
        self.clear()
    }

    /// Whether a panic, perhaps on another thread, has given the terminal back.
    pub fn is_lost_to_a_panic(&self) -> bool {
        PANICKED.load(Ordering::Relaxed)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether there is a terminal to show anything on.
///
/// # Errors
/// [`TerminalError::NotATerminal`].
pub fn require() -> Result<(), TerminalError> {
    if io::stdout().is_terminal() { Ok(()) } else { Err(TerminalError::NotATerminal) }
}

fn terminal() -> io::Result<Terminal<CrosstermBackend<Output>>> {
    let backend = CrosstermBackend::new(Output::default());
    let (width, height) = ratatui::crossterm::terminal::size()?;
    if width == 0 || height == 0 {
        Terminal::with_options(backend, TerminalOptions { viewport: Viewport::Fixed(SIZE_OF_SERIAL_LINES) })
    } else {
        Terminal::new(backend)
    }
}

fn take() -> io::Result<()> {
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut taken = taken();
    enable_raw_mode()?;
    let mut sequences = Vec::new();
    queue!(sequences, EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, Hide)?;
    let written = out.write_all(&sequences);
    // Kept even where writing has failed: then at least the mode of the line has to be given back.
    *taken = Some(out);
    written
}

/// Whoever gives it back first does; to others there is nothing left to do.
fn give_back() {
    let mut taken = taken();
    if let Some(mut out) = taken.take() {
        let mut sequences = Vec::new();
        // The vector takes everything; a terminal that is gone needs nothing.
        let _ = queue!(
            sequences,
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture,
            ResetColor,
            LeaveAlternateScreen,
            Show
        );
        let _ = out.write_all(&sequences);
        let _ = disable_raw_mode();
    }
}

fn taken() -> MutexGuard<'static, Option<File>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn give_back_before_panics_are_told() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICKED.store(true, Ordering::Relaxed);
            give_back();
            tell(panic);
        }));
    });
}

/// What is drawn, collected and written at once, and only while the terminal is taken.
#[derive(Debug, Default)]
struct Output {
    collected: Vec<u8>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.collected.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = taken().as_mut().map_or(Ok(()), |out| out.write_all(&self.collected));
        self.collected.clear();
        written
    }
}
