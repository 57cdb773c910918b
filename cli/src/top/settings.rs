//! Keys and colours: `busdma.toml`.

use crate::args::TopArgs;
use anyhow::Context;
use busdma_dashboards::settings::Settings;
use busdma_dashboards::theme::ThemeName;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where it is, in the directory of a user's configuration.
const PLACE: &str = "busdma/busdma.toml";

/// The settings of the file that was named, or of the user's if there is one, with the theme of the command line.
///
/// # Errors
///
/// The file cannot be read, or says what cannot be; only the user's own may be missing.
pub(super) fn read(args: &TopArgs) -> anyhow::Result<Settings> {
    let mut settings = match (&args.config, users_own(|name| env::var_os(name))) {
        (Some(path), _) => parse(path, &text(path)?)?,
        (None, Some(path)) => match fs::read_to_string(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Settings::default(),
            _ => parse(&path, &text(&path)?)?,
        },
        (None, None) => Settings::default(),
    };
    let without_colours = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()).then_some(ThemeName::Mono);
    settings.theme = args.theme.or(without_colours).or(settings.theme);
    Ok(settings)
}

fn text(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn parse(path: &Path, text: &str) -> anyhow::Result<Settings> {
    Settings::parse(text).with_context(|| format!("cannot use {}", path.display()))
}

/// Where the user's own would be. What is empty or not absolute does not count, as the XDG base directories have it.
fn users_own(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let directory = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configuration = directory("XDG_CONFIG_HOME").or_else(|| Some(directory("HOME")?.join(".config")))?;
    Some(configuration.join(PLACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_is_looked_for() {
        let check = |xdg: Option<&str>, home: Option<&str>, expected: Option<&str>| {
            let variable = |name: &str| if name == "HOME" { home } else { xdg }.map(OsString::from);
            assert_eq!(users_own(variable), expected.map(PathBuf::from), "{xdg:?} {home:?}");
        };
        check(None, None, None);
        check(None, Some("/home/ann"), Some("/home/ann/.config/busdma/busdma.toml"));
        check(Some(""), Some("/home/ann"), Some("/home/ann/.config/busdma/busdma.toml"));
        check(Some("etc"), Some("/home/ann"), Some("/home/ann/.config/busdma/busdma.toml"));
        check(Some("/etc/ann"), Some("/home/ann"), Some("/etc/ann/busdma/busdma.toml"));
        check(Some("/etc/ann"), None, Some("/etc/ann/busdma/busdma.toml"));
    }
}
