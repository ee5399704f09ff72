use backend_plugin_api::PluginId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Holder, digest};

/// The key of a session's advisory lock. Locks are of one database, so that it need not be in it.
#[derive(Clone, Debug)]
pub(super) struct Key {
    key: i64,
    /// The session that wants or has it.
    pid: i32,
}

impl Key {
    pub(super) async fn of(connection: &impl ConnectionTrait, plugin: PluginId) -> Result<Self, DbErr> {
        let sql = "SELECT current_schema()::text AS place, pg_backend_pid() AS pid";
        let row = one(connection, Statement::from_string(DbBackend::Postgres, sql)).await?;
        let place = row.try_get::<Option<String>>("", "place")?.unwrap_or_default();
        let [a, b, c, d, e, f, g, h, ..] = digest(&place, plugin);
        Ok(Self { key: i64::from_be_bytes([a, b, c, d, e, f, g, h]), pid: row.try_get("", "pid")? })
    }

    pub(super) async fn try_lock(&self, connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
        one(connection, self.statement("SELECT pg_try_advisory_lock($1)")).await?.try_get_by_index(0)
    }

    pub(super) async fn release(&self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        one(connection, self.statement("SELECT pg_advisory_unlock($1)")).await.map(drop)
    }

    pub(super) async fn is_held(&self, connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let sql = "SELECT pg_backend_pid()";
        let pid: i32 = one(connection, Statement::from_string(DbBackend::Postgres, sql)).await?.try_get_by_index(0)?;
        Ok(pid == self.pid)
    }

    pub(super) async fn holder(&self, connection: &impl ConnectionTrait) -> Result<Holder, DbErr> {
        let sql = "SELECT l.pid, host(a.client_addr) AS host, a.application_name AS application \
             FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
             AND ((l.classid::bigint << 32) | l.objid::bigint) = $1";
        let Some(row) = connection.query_one_raw(self.statement(sql)).await? else { return Ok(Holder::default()) };
        let mut told = vec![format!("pid {}", row.try_get::<i32>("", "pid")?)];
        // These are hidden from other users.
        if let Some(host) = row.try_get::<Option<String>>("", "host")? {
            told.push(format!("host {host}"));
        }
        if let Some(application) = row.try_get::<Option<String>>("", "application")?.filter(|it| !it.is_empty()) {
            told.push(format!("application `{application}`"));
        }
        Ok(Holder(told))
    }

    fn statement(&self, sql: &str) -> Statement {
        Statement::from_sql_and_values(DbBackend::Postgres, sql, [self.key.into()])
    }
}

async fn one(connection: &impl ConnectionTrait, statement: Statement) -> Result<sea_orm::QueryResult, DbErr> {
    let sql = statement.sql.clone();
    connection.query_one_raw(statement).await?.ok_or(DbErr::RecordNotFound(sql))
}
