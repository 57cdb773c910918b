//! `busdma top`: the daemon, a recording or a demonstration on the whole terminal, or one frame of it as text.

mod settings;
mod source;

use crate::args::TopArgs;
use crate::console;
use crate::failure::Answer;
use anyhow::Context;
use busdma_dashboards::app::{App, Start, moment};
use busdma_dashboards::frame::{DecisionLog, Frame, Name, OriginState};
use busdma_dashboards::once::{self, Size};
use busdma_dashboards::run::{self, Ended};
use busdma_dashboards::source::{Interest, Moment, Play, Source, Wanted, Wish};
use busdma_dashboards::terminal;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// One frame's size where there is no terminal.
const DEFAULT_SIZE: Size = Size { width: 120, height: 40 };

/// What one frame as JSON holds at most, of each machine.
const ALL_DETAILS: Interest = Interest { decisions: Wanted::Yes, rows: 100_000 };

/// Shows what there is until somebody quits, or prints one frame of it.
///
/// # Errors
///
/// There is nothing to show or no terminal to show it on, the settings cannot be used, or standard output cannot be
/// written.
pub fn run(args: &TopArgs) -> anyhow::Result<Answer> {
    if !args.once {
        terminal::require()?;
    }
    let start = start(args);
    let time_zone = start.time_zone.clone();
    let mut app = App::new(settings::read(args)?, start);
    let mut source = source::open(args, &app)?;
    let source = source.as_mut();
    if args.replay.is_some() && (args.once || args.at.is_some()) {
        let _ = source.ask(Wish::Play(Play::Pause));
        let frame = once::complete_frame(source, app.interval());
        let moment = match &args.at {
            Some(text) => moment::parse(text, &frame, &time_zone).context("--at")?,
            None => Moment::Share(1.0),
        };
        source.ask(Wish::Seek(moment)).context("--at")?;
    }
    if args.once { print(args, source, &mut app) } else { show(source, &mut app) }
}

fn start(args: &TopArgs) -> Start {
    Start {
        view: args.view,
        machine: args.machine.as_ref().map(Name::from),
        interval: args.interval.map(Duration::from_millis),
        ..Start::default()
    }
}

fn show(source: &mut dyn Source, app: &mut App) -> anyhow::Result<Answer> {
    Ok(match run::run(source, app)? {
        Ended::Quit => Answer::Yes,
        Ended::Signal(signal) => Answer::Signal(signal),
        Ended::TerminalGone => Answer::Signal(signal_hook::consts::SIGHUP),
    })
}

fn print(args: &TopArgs, source: &mut dyn Source, app: &mut App) -> anyhow::Result<Answer> {
    let details = if args.json { ALL_DETAILS } else { app.interest() };
    source.ask(Wish::Interest(details))?;
    let mut frame = once::complete_frame(source, app.interval());
    if let Some(name) = &args.machine {
        frame = of_machine(&frame, name)?;
    }
    let text = if args.json {
        once::json(&frame)
    } else {
        app.show(Arc::clone(&frame));
        once::text(app, size(args))
    };
    console::print(&text)?;
    match &frame.origin.state {
        OriginState::Unreadable { why } => Err(CutShort { name: frame.origin.name.clone(), why: why.clone() }.into()),
        _ => Ok(Answer::Yes),
    }
}

/// A recording is shown only as far as it could be read.
#[derive(Debug, Error)]
#[error("{name} cannot be read to its end: {why}")]
struct CutShort {
    name: String,
    why: String,
}

/// The frame with one machine alone, and what is found in the service and the host beside it.
fn of_machine(frame: &Frame, name: &str) -> Result<Arc<Frame>, NoMachine> {
    let mut alone = frame.clone();
    alone.machines.retain(|machine| machine.machine == name);
    if alone.machines.is_empty() {
        let known = frame.machines.iter().map(|machine| machine.machine.clone()).collect();
        return Err(NoMachine { name: name.to_owned(), known });
    }
    alone.findings.retain(|finding| finding.machine.as_ref().is_none_or(|machine| machine == name));
    // Where there are no others, decisions keep the numbers that they have.
    if frame.decisions.iter().any(|decision| decision.machine != name) {
        alone.decisions = DecisionLog::keeping(frame.decisions.len());
        for decision in frame.decisions.iter().filter(|decision| decision.machine == name) {
            alone.decisions.push(decision.clone());
        }
    }
    Ok(Arc::new(alone))
}

/// There is no machine of that name.
#[derive(Debug, Error)]
#[error("no machine `{name}`; there {}", match known.len() {
    0 => "are none".to_owned(),
    1 => format!("is {}", known.concat()),
    _ => format!("are {}", known.join(", ")),
})]
struct NoMachine {
    name: String,
    known: Vec<Name>,
}

fn size(args: &TopArgs) -> Size {
    let of_terminal = terminal_size::terminal_size_of(std::io::stdout());
    let otherwise = of_terminal.map_or(DEFAULT_SIZE, |(width, height)| Size { width: width.0, height: height.0 });
    Size { width: args.width.unwrap_or(otherwise.width), height: args.height.unwrap_or(otherwise.height) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_dashboards::source::demo::{Demo, DemoOptions};

    #[test]
    fn nothing_of_other_machines_stays() {
        let whole = Demo::new(DemoOptions::default()).frame(Duration::from_secs(10));
        for name in ["demo1", "demo2"] {
            let alone = of_machine(&whole, name).unwrap();
            assert!(alone.machines.iter().map(|machine| &machine.machine).eq([name]));
            assert!(alone.decisions.iter().all(|decision| decision.machine == name));
            assert!(
                alone.findings.iter().all(|finding| finding.machine.as_ref().is_none_or(|machine| machine == name))
            );
            assert!(!alone.decisions.is_empty() && alone.decisions.len() < whole.decisions.len());
        }
        let found = |name| of_machine(&whole, name).unwrap().findings.len();
        assert!(found("demo1") < whole.findings.len() || found("demo2") < whole.findings.len());
        assert!(of_machine(&whole, "vm7").is_err());
    }
}
