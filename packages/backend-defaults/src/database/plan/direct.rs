//! PostgreSQL: poolers, and how migrations get past them.

use backend_plugin_api::Secret;
use backend_plugin_api::services::database::MigrationMode;

use super::postgres::server;
use super::resolve::{Family, Resolve, base_key};
use super::settings::{Said, Settings};
use crate::database::config::PluginDivisionMode;
use crate::database::connection::Connection;
use crate::database::credentials::PasswordSource;
use crate::database::postgres::PostgresServer;

/// What of a connection is of its host alone.
const OF_HOST: [&str; 3] = ["hostaddr", "instance", "port"];
/// What of a connection is of its user alone; a cloud has tokens for others too.
const OF_USER: [&str; 2] = ["password", "passwordCommand"];

/// What `migrationConnection` comes to.
pub(super) struct Direct {
    pub(super) server: PostgresServer,
    /// If it is another one.
    pub(super) database: Option<String>,
}

impl Resolve<'_> {
    /// `migrationConnection` over `connection`.
    pub(super) fn direct(&mut self) -> Option<Direct> {
        let mut settings = self.settings(Family::Postgres);
        let over = self.migration_settings()?;
        let other_host = ["host", "hostaddr"].iter().any(|it| over.has(it));
        let own_password = PasswordSource::KEYS.iter().any(|it| over.has(it));
        let other_user = over.has("user") && over.get("user") != settings.get("user");
        if other_host {
            OF_HOST.iter().for_each(|it| settings.forget(it));
        }
        if own_password {
            PasswordSource::KEYS.iter().for_each(|it| settings.forget(it));
        } else if other_user {
            OF_USER.iter().for_each(|it| settings.forget(it));
        }
        settings.lay_all(over);
        let database = settings.plain_text("database");
        let environment = match other_user {
            true => self.environment.without_password(),
            false => self.environment.clone(),
        };
        let server = server(&mut settings, &environment, self.application_name());
        // The others were told already.
        let mistakes = settings.finish("PostgreSQL").into_iter().filter(|it| it.key.contains(".migrationConnection"));
        self.mistakes.extend(mistakes);
        Some(Direct { server: server?, database })
    }

    /// What is other than in `connection`: of the plugin over that of the base.
    fn migration_settings(&mut self) -> Option<Settings> {
        let parse = Family::Postgres.parser();
        let base = self.config.migration_connection.as_ref().filter(|_| self.inherits(Family::Postgres));
        let own = self.own.and_then(|it| it.migration_connection.as_ref());
        if own.is_none() && base.is_some() && self.own_connection().is_some_and(has_place) {
            let message = "this plugin is on a server of its own: say here how its migrations get there";
            self.mistake(self.own_key("migrationConnection"), message);
            return None;
        }
        let mut settings = Settings::default();
        let layers = [(base, base_key("migrationConnection")), (own, self.own_key("migrationConnection"))];
        for (connection, key) in layers {
            let Some(connection) = connection else { continue };
            if self.config.plugin_division_mode == PluginDivisionMode::Database {
                // As with `connection`, only a plugin's own counts.
                settings.forget("database");
            }
            settings.lay(connection, &key, parse);
            if let Some(Said { value, key, .. }) = settings.text(Family::Postgres.address_key()) {
                settings.lay(&Connection::Text(Secret::new(value)), &key, parse);
            }
        }
        if own.is_none() && self.config.plugin_division_mode == PluginDivisionMode::Database {
            settings.forget("database");
        }
        (base.is_some() || own.is_some()).then_some(settings)
    }

    /// What cannot be done through a pooler, where nothing else is said.
    pub(super) fn check_pooler(&mut self, server: Option<&PostgresServer>, migrates_the_same_way: bool) {
        if self.config.pooler.is_none() {
            return;
        }
        if migrates_the_same_way {
            let message = "this is the way through the pooler: say what is other on the way to the server itself";
            self.mistake(base_key("migrationConnection"), message);
        }
        let direct =
            self.config.migration_connection.is_some() || self.own.is_some_and(|it| it.migration_connection.is_some());
        let ensure = self.ensure();
        let schema_mode = self.config.plugin_division_mode == PluginDivisionMode::Schema;
        let makes = ensure.database || schema_mode && ensure.schema || self.migrations() == MigrationMode::Run;
        if makes && !direct {
            let message = "nothing is made and migrated through a pooler: say how to get to the server itself in \
                           `backend.database.migrationConnection`, such as `{ host: db.example.com, port: 5432 }`, or \
                           let another backend do it: `ensureExists: false` and `migrations: wait`";
            self.mistake(base_key("pooler"), message);
        }
        if self.environment.variable("PGOPTIONS").is_some() {
            let message = "`PGOPTIONS` is sent when connecting, and poolers refuse it: unset that variable, and set \
                           `connection.options`";
            self.mistake(base_key("pooler"), message);
        }
        let parameters = server.map(|it| it.session.parameters.as_slice()).unwrap_or_default();
        for (name, _) in parameters.iter().filter(|(name, _)| name.starts_with("default_transaction_")) {
            let message = format!(
                "behind a pooler `{name}` would come too late, as it is set when a transaction has begun: set it for \
                 the role, by `ALTER ROLE ... SET {name} = ...`"
            );
            self.mistake(base_key("connection.options"), message);
        }
    }

    /// For who is not on PostgreSQL.
    pub(super) fn refuse_direct(&mut self) {
        let keys = [
            ("pooler", self.config.pooler.is_some()),
            ("migrationConnection", self.config.migration_connection.is_some()),
        ];
        for (key, said) in keys {
            if said {
                self.mistake(base_key(key), "this is for PostgreSQL (`client: pg`): remove it");
            }
        }
    }
}

/// Whether it says where to connect to.
fn has_place(connection: &Connection) -> bool {
    match connection {
        Connection::Text(_) => true,
        Connection::Object(settings) => {
            ["connectionString", "host"].iter().chain(&OF_HOST).any(|it| settings.contains_key(*it))
        }
    }
}
