//! What methods the daemon has, by its own account.

use super::idl;
use crate::daemon::{Daemon, DaemonError};
use crate::text::{self, ACCENT, Cell, HEADING, Side, Table};
use busdma_api::interface;
use std::fmt::Write as _;
use thiserror::Error;

/// The daemon's interfaces.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    interfaces: Vec<Interface>,
}

#[derive(Clone, Debug)]
struct Interface {
    name: String,
    description: String,
    /// In the order of the description.
    methods: Vec<String>,
}

/// One method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method<'d> {
    interface: &'d Interface,
    name: &'d str,
}

/// Why a name is not one method's.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(super) enum NoMethod {
    /// It is none's.
    #[error("the daemon has no method `{name}`{}; `busdma call --list` shows them all",
        busdma_presets::nearest::parenthesised(nearest.as_ref()))]
    Unknown { name: String, nearest: Option<String> },
    /// It is several methods'.
    #[error("`{name}` is the name of several methods: {}", candidates.join(", "))]
    Ambiguous { name: String, candidates: Vec<String> },
}

impl Directory {
    /// Asks the daemon for its interfaces.
    pub(super) fn ask(daemon: &mut Daemon) -> Result<Self, DaemonError> {
        let names = daemon.info()?.interfaces;
        let described = names.into_iter().map(|name| Ok(Interface::new(daemon.description(&name)?, name)));
        Ok(Self { interfaces: described.collect::<Result<_, DaemonError>>()? })
    }

    /// The method of that full name, or of a name that ends so: `Engine.CreateTag`, `CreateTag`.
    pub(super) fn find(&self, name: &str) -> Result<Method<'_>, NoMethod> {
        let ends_so = |full: &str| full.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let found: Vec<_> = self.methods().filter(|method| ends_so(&method.full_name())).collect();
        match found[..] {
            [method] => Ok(method),
            [] => Err(NoMethod::Unknown { name: name.to_owned(), nearest: self.nearest(name) }),
            [..] => Err(NoMethod::Ambiguous {
                name: name.to_owned(),
                candidates: found.iter().map(Method::full_name).collect(),
            }),
        }
    }

    /// The nearest among the names of as many parts.
    fn nearest(&self, name: &str) -> Option<String> {
        let parts = name.split('.').count();
        let alike: Vec<String> = self
            .methods()
            .map(|method| {
                let full = method.full_name();
                let skipped = full.split('.').count().saturating_sub(parts);
                full.split('.').skip(skipped).collect::<Vec<_>>().join(".")
            })
            .collect();
        busdma_presets::nearest(name, alike.iter().map(String::as_str))
    }

    /// Interfaces and methods, each with the first sentence of what is said of it.
    pub(super) fn list(&self, width: usize) -> String {
        let mut out = String::new();
        for interface in &self.interfaces {
            if !out.is_empty() {
                out.push('\n');
            }
            let _ = writeln!(out, "{}", text::styled(HEADING, &interface.name));
            let mut table = Table::new(width, [("", Side::Left), ("", Side::Left)]).indented(2);
            for method in &interface.methods {
                let summary = idl::summary(&interface.description, method);
                table.row([Cell::new(ACCENT, method), summary.into()]);
            }
            out.push_str(&table.render());
        }
        out
    }

    fn methods(&self) -> impl Iterator<Item = Method<'_>> {
        self.interfaces.iter().flat_map(|interface| interface.methods.iter().map(|name| Method { interface, name }))
    }
}

impl Interface {
    /// A description that cannot be read has no methods.
    fn new(description: String, name: String) -> Self {
        let methods = interface::parse(&description)
            .map_or_else(|_| Vec::new(), |parsed| parsed.methods().map(|method| method.name().to_string()).collect());
        Self { name, description, methods }
    }
}

impl Method<'_> {
    /// With its interface: `org.busdma.Engine.Load`.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.interface.name, self.name)
    }

    /// It in Varlink's language, with the types it needs.
    pub(super) fn describe(&self) -> String {
        idl::excerpt(&self.interface.description, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use busdma_api::service;

    fn directory() -> Directory {
        let interfaces = service::Interface::ALL.into_iter();
        let interfaces =
            interfaces.map(|interface| Interface::new(interface.description(), interface.name().to_owned()));
        Directory { interfaces: interfaces.collect() }
    }

    #[test]
    fn names_may_be_short() {
        let directory = directory();
        let check = |name, full: &str| assert_eq!(directory.find(name).unwrap().full_name(), full, "{name}");
        check("org.busdma.Engine.CreateTag", "org.busdma.Engine.CreateTag");
        check("busdma.Engine.CreateTag", "org.busdma.Engine.CreateTag");
        check("Engine.CreateTag", "org.busdma.Engine.CreateTag");
        check("CreateTag", "org.busdma.Engine.CreateTag");
        check("GetInfo", "org.varlink.service.GetInfo");
    }

    #[test]
    fn other_names_are_refused() {
        let directory = directory();
        let check = |name, message: &str| {
            let error = directory.find(name).unwrap_err().to_string();
            assert!(error.starts_with(message), "{name}: {error}");
        };
        check("CreatTag", "the daemon has no method `CreatTag` (did you mean `CreateTag`?)");
        check("Engin.CreateTag", "the daemon has no method `Engin.CreateTag` (did you mean `Engine.CreateTag`?)");
        check("reateTag", "the daemon has no method `reateTag`");
        check("zzz", "the daemon has no method `zzz`; `busdma call --list`");
        check("", "the daemon has no method ``");
        let mut twice = directory.clone();
        twice.interfaces[2].methods.push("CreateTag".to_owned());
        let error = twice.find("CreateTag").unwrap_err().to_string();
        let candidates = "org.busdma.Engine.CreateTag, org.busdma.Monitor.CreateTag";
        assert_eq!(error, format!("`CreateTag` is the name of several methods: {candidates}"));
    }
}
