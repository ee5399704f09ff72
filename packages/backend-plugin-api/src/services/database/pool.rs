use std::time::Duration;

/// The connections of a plugin at one moment, and since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// In use now.
    pub used: usize,
    /// Open and not in use now.
    pub idle: usize,
    /// How many wait for one now.
    pub waiting: usize,
    /// The most there may be. `backend.database.knexConfig.pool.max`.
    pub max: usize,
    /// How often one was got.
    pub acquired: u64,
    /// How long getting them took, all together.
    pub acquire_time: Duration,
    /// How long getting one took at most.
    pub longest_acquire: Duration,
    /// How many were opened.
    pub created: u64,
    /// How many were closed, or went to another plugin.
    pub closed: u64,
    /// How often one could not be opened or got, or was lost.
    pub errors: u64,
    /// The server that they are to, where there is one.
    pub server: Option<ServerStatus>,
}

/// The connections of the whole backend to one server at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerStatus {
    /// E.g. `db.example.com:5432`.
    pub name: String,
    /// The most there may be; `None` before the first is open. `backend.database.maxConnections`.
    pub budget: Option<usize>,
    /// The server's `max_connections`, if it was asked.
    pub limit: Option<usize>,
    /// Open now.
    pub open: usize,
    /// How many wait until there is room.
    pub waiting: usize,
}
