use backend_defaults::database::mysql::{MySqlConnectError, MySqlFailure};
use backend_defaults::database::postgres::{ConnectError, Failure, literal};
use backend_defaults::database::{As, EnginePlan};

use super::postgres::is_set_up;
use sqlx::AssertSqlSafe;

use crate::Site;

impl Site {
    /// Whether there is the database, and in schema mode the schema. What is in memory is not.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn exists(&self) -> anyhow::Result<bool> {
        match &self.plan.engine {
            EnginePlan::Sqlite(_) => match self.file() {
                Some(file) => Ok(tokio::fs::try_exists(file).await?),
                None => Ok(false),
            },
            EnginePlan::Postgres(plan) if !is_set_up(plan) => Ok(false),
            EnginePlan::Postgres(plan) => {
                // Not under its role and its schema, which may not be there either.
                let connected = match self.access.postgres(plan, As::Admin, Some(plan.migrations_database())).await {
                    Err(error) if is_missing_postgres(&error) => return Ok(false),
                    connected => connected?,
                };
                let Some(schema) = &plan.schema else { return Ok(true) };
                let mut connection = connected.connection;
                // As text: there may be a pooler.
                let sql = format!("SELECT 1 FROM pg_namespace WHERE nspname = {}", literal(schema));
                Ok(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_optional(&mut connection).await?.is_some())
            }
            EnginePlan::MySql(plan) => match self.access.mysql(plan, As::Admin, Some(&plan.database)).await {
                Err(error) if is_missing_mysql(&error) => Ok(false),
                connected => connected.map(|_| true),
            },
        }
    }
}

pub(crate) fn is_missing_postgres(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<ConnectError>().map(ConnectError::failure), Some(Failure::DatabaseMissing(_)))
}

pub(crate) fn is_missing_mysql(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<MySqlConnectError>().map(|it| &it.failure), Some(MySqlFailure::DatabaseMissing(_)))
}
