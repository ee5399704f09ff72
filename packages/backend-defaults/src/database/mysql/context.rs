use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::MySqlConnection;
use tokio::sync::MutexGuard;

use super::MySqlServer;
use super::connect::Connector;
use backend_plugin_api::Secret;

use crate::database::credentials::{Keyring, PasswordError};
use crate::database::plan::BudgetPlan;
use crate::database::postgres::Login;
use crate::database::server::{Budget, Outage};

/// What the databases of all plugins share. One for a backend.
pub(crate) struct MySqlContext {
    keyring: Arc<Keyring>,
    servers: Mutex<HashMap<String, Arc<SharedServer>>>,
}

/// What the plugins on one server share.
pub(super) struct SharedServer {
    pub(super) budget: Arc<Budget<MySqlConnection>>,
    places: AtomicUsize,
    making: tokio::sync::Mutex<()>,
    pub(super) outage: Outage,
}

impl MySqlContext {
    pub(crate) fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, servers: Mutex::default() }
    }

    pub(super) fn shared(&self, server: &MySqlServer, budget: BudgetPlan) -> Arc<SharedServer> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let server = servers.entry(server.address.to_string()).or_insert_with_key(|name| {
            let budget = Budget::new(name.clone(), budget);
            let places = AtomicUsize::new(0);
            Arc::new(SharedServer { budget, places, making: tokio::sync::Mutex::default(), outage: Outage::default() })
        });
        Arc::clone(server)
    }

    /// As it is now.
    pub(crate) async fn password(&self, login: &Login) -> Result<Option<Secret<String>>, PasswordError> {
        self.keyring.passwords(&login.password).password(false).await
    }

    pub(crate) fn connector(&self, server: &MySqlServer, login: &Login) -> Connector {
        let passwords = self.keyring.passwords(&login.password);
        Connector::new(MySqlServer { login: login.clone(), ..server.clone() }, passwords)
    }
}

impl SharedServer {
    /// What is connected to is each plugin's own.
    pub(super) fn next_place(&self) -> usize {
        self.places.fetch_add(1, Ordering::Relaxed)
    }

    /// What makes databases goes one after another.
    pub(super) async fn making(&self) -> MutexGuard<'_, ()> {
        self.making.lock().await
    }
}
