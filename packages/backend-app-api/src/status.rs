use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use backend_plugin_api::services::Database;
use backend_plugin_api::{PluginId, Root, Service};
use tokio::sync::watch;

use crate::MigrationReport;

/// How far the backend and each of its plugins have come. What health and the server look at.
#[derive(Clone, Debug)]
pub struct Status {
    snapshot: Arc<watch::Sender<Snapshot>>,
    started: Arc<AtomicBool>,
    databases: Arc<Mutex<BTreeMap<PluginId, Database>>>,
    migrations: Arc<Mutex<BTreeMap<PluginId, MigrationReport>>>,
}

/// The [`Status`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The backend as a whole.
    pub phase: Phase,
    /// Each plugin that it has.
    pub plugins: BTreeMap<PluginId, PluginState>,
}

/// How far the backend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Some plugins have not started yet.
    Starting,
    /// All plugins have started, or failed and may.
    Started,
    /// It was told to stop.
    Stopping,
}

/// How far a plugin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginState {
    /// In this step of its start.
    Starting(Step),
    /// It serves.
    Ready,
    /// It did not start; this is why.
    Failed(String),
}

/// What a plugin does while it starts, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Waits to be started.
    Waiting,
    /// Gets its database.
    Database,
    /// Brings its tables up to date.
    Migrations,
    /// Starts this module.
    Module(&'static str),
    /// Runs [`Plugin::init`](backend_plugin_api::Plugin::init).
    Init,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waiting"),
            Self::Database => f.write_str("getting its database"),
            Self::Migrations => f.write_str("migrating"),
            Self::Module(id) => write!(f, "starting module `{id}`"),
            Self::Init => f.write_str("initializing"),
        }
    }
}

impl Status {
    pub(crate) fn new(plugins: impl IntoIterator<Item = PluginId>) -> Self {
        let plugins = plugins.into_iter().map(|id| (id, PluginState::Starting(Step::Waiting))).collect();
        let snapshot = watch::Sender::new(Snapshot { phase: Phase::Starting, plugins });
        Self {
            snapshot: Arc::new(snapshot),
            started: Arc::default(),
            databases: Arc::default(),
            migrations: Arc::default(),
        }
    }

    /// How it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// To look at it without a copy, or to wait for a change.
    pub fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// Whether it ever got as far as [`Phase::Started`].
    pub fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    /// The databases that plugins have got so far.
    pub fn databases(&self) -> BTreeMap<PluginId, Database> {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the databases of plugins compared with their migrations when they started, where that
    /// was looked at.
    pub fn migrations(&self) -> BTreeMap<PluginId, MigrationReport> {
        self.migrations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        // Never back: a backend told to stop while it starts does not become a started one.
        self.started.fetch_or(phase == Phase::Started, Ordering::Relaxed);
        self.snapshot.send_modify(|it| it.phase = it.phase.max(phase));
    }

    pub(crate) fn set_plugin(&self, plugin: PluginId, state: PluginState) {
        self.snapshot.send_modify(|it| drop(it.plugins.insert(plugin, state)));
    }

    pub(crate) fn add_database(&self, plugin: PluginId, database: Database) {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner).insert(plugin, database);
    }

    pub(crate) fn set_migrations(&self, plugin: PluginId, report: MigrationReport) {
        self.migrations.lock().unwrap_or_else(PoisonError::into_inner).insert(plugin, report);
    }
}

impl Service for Status {
    type Scope = Root;
    const ID: &'static str = "core.status";
}
