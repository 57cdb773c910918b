//! `busdma man`: manual pages.

use crate::args::{Cli, ManArgs};
use crate::failure::Answer;
use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Writes the whole manual to standard output, or one page for each verb into a directory.
///
/// # Errors
///
/// Standard output or the directory cannot be written.
pub fn run(args: &ManArgs) -> anyhow::Result<Answer> {
    let mut command = Cli::command();
    command.build();
    if let Some(dir) = &args.dir {
        write_pages(&command, dir)?;
    } else {
        let page = whole_manual(&command)?;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&page)?;
        stdout.flush()?;
    }
    Ok(Answer::Yes)
}

/// One page: the command, then the options and examples of each verb.
fn whole_manual(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for verb in verbs(command) {
        writeln!(page, ".SH \"{}\"", verb.get_bin_name().unwrap_or(verb.get_name()).to_uppercase())?;
        let mut section = Vec::new();
        let man = Man::new(verb.clone());
        man.render_synopsis_section(&mut section)?;
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        examples_section(verb, &mut section)?;
        page.extend_from_slice(&as_subsections(&section));
    }
    examples_section(command, &mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// Sections one level down.
fn as_subsections(roff: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(roff).replace(".SH ", ".SS ").into_bytes()
}

fn write_pages(command: &Command, dir: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write the pages to {}", dir.display());
    fs::create_dir_all(dir).with_context(cannot)?;
    for page in std::iter::once(command).chain(verbs(command)) {
        let man = Man::new(page.clone());
        let mut roff = Vec::new();
        man.render_title(&mut roff)?;
        man.render_name_section(&mut roff)?;
        man.render_synopsis_section(&mut roff)?;
        man.render_description_section(&mut roff)?;
        man.render_options_section(&mut roff)?;
        if page.has_subcommands() {
            man.render_subcommands_section(&mut roff)?;
        }
        examples_section(page, &mut roff)?;
        man.render_version_section(&mut roff)?;
        fs::write(dir.join(man.get_filename()), roff).with_context(cannot)?;
    }
    Ok(())
}

/// The text after the options, with the lines of commands kept as they are.
fn examples_section(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let Some(text) = command.get_after_help() else { return Ok(()) };
    writeln!(page, ".SH EXAMPLES")?;
    for paragraph in text.to_string().trim_start_matches("Examples:\n").split("\n\n") {
        let verbatim = paragraph.starts_with(' ');
        writeln!(page, "{}", if verbatim { ".PP\n.nf" } else { ".PP" })?;
        for line in paragraph.lines() {
            // The empty `\&` in front keeps a line that begins with a dot from being taken for a request.
            writeln!(page, "\\&{}", line.replace('\\', "\\e").replace('-', "\\-"))?;
        }
        if verbatim {
            writeln!(page, ".fi")?;
        }
    }
    Ok(())
}

/// The verbs, each before its own subcommands.
fn verbs(command: &Command) -> Vec<&Command> {
    let own = command.get_subcommands().filter(|verb| verb.get_name() != "help");
    own.flat_map(|verb| std::iter::once(verb).chain(verbs(verb))).collect()
}
