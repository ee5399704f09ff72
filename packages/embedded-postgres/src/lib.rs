#![doc = include_str!("../README.md")]
#![cfg(unix)]

mod account;
mod binaries;
mod cluster;
mod error;
mod initdb;
mod lock;
mod pid_file;
mod server;
mod wait;

pub use account::Account;
pub use binaries::{Binaries, Search, Version};
pub use cluster::{Cluster, Options, USER};
pub use error::Error;
pub use initdb::initdb;
pub use server::{Server, Start};
