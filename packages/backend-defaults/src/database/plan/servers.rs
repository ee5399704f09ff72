//! What the clients that are servers have in common.

use std::time::Duration;

use backend_plugin_api::Secret;

use super::Ensure;
use super::login::login;
use super::resolve::{Family, Resolve, base_key};
use super::settings::{Said, Settings};
use crate::database::config::{DatabaseConfig, Isolation, PluginDatabaseConfig, PluginDivisionMode};
use crate::database::connection::Connection;
use crate::database::credentials::PasswordSource;
use crate::database::postgres::{Host, Login};

const DEFAULT_PREFIX: &str = "backstage_plugin_";
const DEFAULT_STARTUP_TIMEOUT: Duration = Duration::from_secs(30);

impl DatabaseConfig {
    /// What the names of databases, and of plugins' own roles, begin with.
    pub fn names_prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or(DEFAULT_PREFIX)
    }
}

impl Resolve<'_> {
    pub(super) fn ensure(&self) -> Ensure {
        let own = |get: fn(&PluginDatabaseConfig) -> Option<bool>| self.own.and_then(get);
        let database = own(|it| it.ensure_exists).or(self.config.ensure_exists).unwrap_or(true);
        let schema = own(|it| it.ensure_schema_exists).or(self.config.ensure_schema_exists).unwrap_or(false);
        let schema = database || schema;
        let owned = if self.config.plugin_division_mode == PluginDivisionMode::Schema { schema } else { database };
        Ensure { database, schema, role: owned && self.config.isolation == Isolation::Role }
    }

    /// The connection of the plugin over that of the base.
    pub(super) fn settings(&self, family: Family) -> Settings {
        let parse = family.parser();
        let mut settings = Settings::default();
        if let Some(base) = self.base_connection(family) {
            settings.lay(base, &base_key("connection"), parse);
            if self.config.plugin_division_mode == PluginDivisionMode::Database {
                // Backstage: only a plugin's own counts, and else its name.
                settings.forget("database");
            }
        }
        if let Some(own) = self.own_connection() {
            settings.lay(own, &self.own_key("connection"), parse);
        }
        if let Some(Said { value, key, .. }) = settings.text(family.address_key()) {
            settings.lay(&Connection::Text(Secret::new(value)), &key, parse);
        }
        settings
    }

    /// Who creates: the base's connection with the keys of `admin` over it.
    pub(super) fn admin(&mut self, family: Family, hosts: &[Host]) -> Option<Login> {
        let parse = family.parser();
        let admin = self.config.admin.as_ref()?;
        let mut settings = Settings::default();
        if let Some(base) = self.base_connection(family) {
            settings.lay(base, &base_key("connection"), parse);
            // A password is of one user; a cloud has tokens for others too.
            const PASSWORDS: [&str; 2] = ["password", "passwordCommand"];
            let has_own = matches!(admin, Connection::Object(own) if PASSWORDS.iter().any(|it| own.contains_key(*it)));
            let others = if has_own { &PasswordSource::KEYS[..] } else { &PASSWORDS };
            others.iter().for_each(|it| settings.forget(it));
        }
        settings.lay(admin, &base_key("admin"), parse);
        let login = login(&mut settings, &self.environment.without_libpq(), hosts);
        const EXPECTED: &str = "expected `user`, `password` or `passwordCommand`: the rest is as in `connection`";
        const KEYS: [&str; 3] = ["user", "password", "passwordCommand"];
        match admin {
            Connection::Text(_) => self.mistake(base_key("admin"), EXPECTED),
            Connection::Object(own) => {
                for name in own.keys().filter(|it| !KEYS.contains(&it.as_str())) {
                    self.mistake(base_key(&format!("admin.{name}")), EXPECTED);
                }
            }
        }
        self.mistakes.extend(std::mem::take(&mut settings.mistakes));
        login
    }

    /// Of the names of databases.
    pub(super) fn prefix(&self) -> String {
        self.config.names_prefix().to_owned()
    }

    pub(super) fn startup_timeout(&self) -> Duration {
        self.config.startup_timeout.map_or(DEFAULT_STARTUP_TIMEOUT, |it| it.get())
    }

    pub(super) fn take_mistakes(&mut self, settings: Settings, engine: &str) {
        self.mistakes.extend(settings.finish(engine));
    }
}
