//! Where passwords come from, against fakes of the services that give them, on real sockets.

mod aws;
mod azure;
mod command;
mod fake;
mod files;
mod google;
mod parse;
mod sharing;
