use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::MutexGuard;

use super::MySqlServer;
use super::connect::Connector;
use crate::database::credentials::Keyring;
use crate::database::postgres::Login;
use crate::database::server::Outage;

/// What the databases of all plugins share. One for a backend.
pub(crate) struct MySqlContext {
    keyring: Arc<Keyring>,
    servers: Mutex<HashMap<String, Arc<SharedServer>>>,
}

/// What the plugins on one server share while they start.
#[derive(Default)]
pub(super) struct SharedServer {
    making: tokio::sync::Mutex<()>,
    pub(super) outage: Outage,
}

impl MySqlContext {
    pub(crate) fn new(keyring: Arc<Keyring>) -> Self {
        Self { keyring, servers: Mutex::default() }
    }

    pub(super) fn shared(&self, server: &MySqlServer) -> Arc<SharedServer> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(servers.entry(server.address.to_string()).or_default())
    }

    pub(super) fn connector(&self, server: &MySqlServer, login: &Login) -> Connector {
        let passwords = self.keyring.passwords(&login.password);
        Connector::new(MySqlServer { login: login.clone(), ..server.clone() }, passwords)
    }
}

impl SharedServer {
    /// What makes databases goes one after another.
    pub(super) async fn making(&self) -> MutexGuard<'_, ()> {
        self.making.lock().await
    }
}
