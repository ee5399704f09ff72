//! What becomes of statements, transactions and rows when a database fails, and how it comes back.

mod cancelled;
mod failover;
mod fixture;
mod killed;
mod limits;
mod network;
mod restart;
