#![doc = include_str!("../README.md")]

pub mod backup;
pub mod change;
pub mod doctor;
pub mod drift;
pub mod inspect;
pub mod orphans;
pub mod planning;
pub(crate) mod scratch;
pub mod shell;
pub(crate) mod site;
pub mod transfer;

pub use scratch::Scratch;
pub use site::Site;
