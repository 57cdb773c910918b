//! `busdma presets`: the tags of real drivers.

pub mod catalog;
mod render;

use crate::args::PresetsArgs;
use crate::console;
use crate::failure::Answer;

/// Columns of the list where there is no terminal to ask: the table needs a little more than prose.
const LIST_WIDTH: usize = 120;

/// Lists the presets, or shows one.
///
/// # Errors
///
/// No preset of that name, or standard output cannot be written.
pub fn run(args: &PresetsArgs) -> anyhow::Result<Answer> {
    let text = match (&args.name, args.json) {
        (None, false) => render::list(&catalog::all()?, console::width_or(LIST_WIDTH)),
        (None, true) => json(&catalog::all()?)?,
        (Some(name), false) => render::details(&catalog::find(name)?, console::width_or(console::DEFAULT_WIDTH)),
        (Some(name), true) => json(&catalog::find(name)?)?,
    };
    console::print(&text)?;
    Ok(Answer::Yes)
}

fn json(value: &impl serde::Serialize) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
