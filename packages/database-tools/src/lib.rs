#![doc = include_str!("../README.md")]

pub mod inspect;
pub(crate) mod scratch;
pub(crate) mod site;

pub use scratch::Scratch;
pub use site::Site;
