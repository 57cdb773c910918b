//! Events out of text and captures: real captures, lines of every print format, damaged text, and the way through our own
//! file and back.

mod damaged;
mod data;
mod file;
mod lines;
mod real;
