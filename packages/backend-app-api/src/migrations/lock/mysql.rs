use backend_plugin_api::PluginId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::{Holder, digest};

/// The name of a user-level lock: these are of the whole server, and names have at most 64
/// characters.
#[derive(Clone, Debug)]
pub(super) struct Name(String);

impl Name {
    pub(super) async fn of(connection: &impl ConnectionTrait, plugin: PluginId) -> Result<Self, DbErr> {
        let row = connection.query_one_raw(Statement::from_string(DbBackend::MySql, "SELECT DATABASE()")).await?;
        let place = row.map(|it| it.try_get_by_index::<Option<String>>(0)).transpose()?.flatten().unwrap_or_default();
        Ok(Self(digest(&place, plugin).iter().fold("greenroom ".to_owned(), |text, byte| format!("{text}{byte:02x}"))))
    }

    pub(super) async fn try_lock(&self, connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
        self.ask(connection, "SELECT GET_LOCK(?, 1)").await
    }

    pub(super) async fn release(&self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        self.ask(connection, "SELECT RELEASE_LOCK(?)").await.map(drop)
    }

    pub(super) async fn is_held(&self, connection: &impl ConnectionTrait) -> Result<bool, DbErr> {
        self.ask(connection, "SELECT IS_USED_LOCK(?) = CONNECTION_ID()").await
    }

    pub(super) async fn holder(&self, connection: &impl ConnectionTrait) -> Result<Holder, DbErr> {
        let sql = "SELECT CAST(id AS CHAR) AS id, host FROM information_schema.processlist WHERE id = IS_USED_LOCK(?)";
        let Some(row) = connection.query_one_raw(self.statement(sql)).await? else { return Ok(Holder::default()) };
        let (id, host): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        Ok(Holder(vec![format!("connection {id}"), format!("host {host}")]))
    }

    /// `1` is yes; `0` and `NULL` are no.
    async fn ask(&self, connection: &impl ConnectionTrait, sql: &str) -> Result<bool, DbErr> {
        let row = connection.query_one_raw(self.statement(sql)).await?;
        let answer = row.map(|it| it.try_get_by_index::<Option<i64>>(0)).transpose()?.flatten();
        Ok(answer == Some(1))
    }

    fn statement(&self, sql: &str) -> Statement {
        Statement::from_sql_and_values(DbBackend::MySql, sql, [self.0.as_str().into()])
    }
}
