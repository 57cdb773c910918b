//! Memory of a machine, from outside: files, pages, addresses and bytes.

mod copies;
mod dmamem;
mod engine;
mod frames;
mod layouts;
mod pagemap;
mod refusals;
mod seals;
mod support;
mod vaddrs;
