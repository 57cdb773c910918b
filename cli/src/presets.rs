//! `busdma presets`: the tags of real drivers.

mod render;

use crate::args::PresetsArgs;
use crate::console;
use crate::failure::Answer;
use busdma_presets::Catalog;

/// Columns of the list where there is no terminal to ask: the table needs a little more than prose.
const LIST_WIDTH: usize = 120;

/// Lists the presets, or shows one.
///
/// # Errors
///
/// No preset of that name, or standard output cannot be written.
pub fn run(args: &PresetsArgs) -> anyhow::Result<Answer> {
    let catalog = Catalog::embedded();
    let text = match (&args.name, args.json) {
        (None, false) => render::list(catalog.presets(), console::width_or(LIST_WIDTH)),
        (None, true) => console::pretty_json(&catalog.presets())?,
        (Some(name), false) => render::details(catalog.find(name)?, console::width_or(console::DEFAULT_WIDTH)),
        (Some(name), true) => console::pretty_json(catalog.find(name)?)?,
    };
    console::print(&text)?;
    Ok(Answer::Yes)
}
