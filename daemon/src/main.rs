//! The daemon.

use busdmad::args::Args;
use busdmad::config::{self, Config};
use busdmad::exit::{self, Failure};
use busdmad::logging;
use busdmad::probes;
use busdmad::server::{self, Sockets};
use busdmad::service::{Service, ServiceHost};
use busdmad::socket;
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    match Args::try_parse() {
        Ok(args) => exit::code(run(&args)),
        Err(message) => exit::usage(&message),
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    if args.print_config {
        return print(&Config::default());
    }
    let config = config::effective(args)?;
    if args.check_config {
        return print(&config);
    }
    logging::start(&config.log)?;
    socket::raise_descriptor_limit();
    let varlink = socket::open(&config.socket)?;
    let metrics = config.metrics.listen.map(server::listen_for_metrics).transpose()?;
    // Before anything starts a thread: capabilities belong to threads.
    let probes = probes::load(&config.probes);
    let host = Arc::new(ServiceHost(Service::new(&config, probes)?));
    server::run(config, Sockets { varlink, metrics }, host, || config::effective(args))?;
    Ok(())
}

fn print(config: &Config) -> Result<(), Failure> {
    Ok(io::stdout().write_all(config::keys::file_of(config).as_bytes())?)
}
