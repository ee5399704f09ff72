//! What of a script is not there yet.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use backend_defaults::database::postgres::literal;
use backend_defaults::database::{Access, As, EnginePlan, MySqlPlan, PostgresPlan};
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AssertSqlSafe, MySqlConnection, PgConnection, Row as _, SqlSafeStr as _};

use super::{Part, Script, Unless, Wanted};
use crate::inspect::is_missing_postgres;

/// PostgreSQL: what is asked about does not exist: a role, a database, a schema, a table.
const NOT_THERE: [&str; 4] = ["42704", "3D000", "3F000", "42P01"];
/// MySQL: who asks may not know.
const MAY_NOT_KNOW: [u16; 2] = [1044, 1142];

impl Script {
    /// What the servers do not have yet of [`Script::new`], and what they lack where others made the databases. What cannot
    /// be known for want of rights is in it.
    ///
    /// # Errors
    /// When a server cannot be asked.
    pub async fn missing(wanted: &[Wanted], access: &Access) -> anyhow::Result<Self> {
        let mut script = Self::with_all(wanted);
        for part in &mut script.parts {
            match part.of.clone().map(|it| it.engine) {
                Some(EnginePlan::Postgres(plan)) => Postgres::new(access, &plan).await?.strip(part).await?,
                Some(EnginePlan::MySql(plan)) => strip_mysql(part, access, &plan).await?,
                Some(EnginePlan::Sqlite(_)) | None => {}
            }
        }
        Ok(script)
    }
}

/// Connections to the databases of a server.
struct Postgres<'a> {
    access: &'a Access,
    plan: &'a PostgresPlan,
    anywhere: PgConnection,
    /// `None`: there is none of that name.
    databases: BTreeMap<String, Option<PgConnection>>,
}

impl<'a> Postgres<'a> {
    async fn new(access: &'a Access, plan: &'a PostgresPlan) -> anyhow::Result<Self> {
        let anywhere = match access.postgres(plan, As::Admin, Some(plan.migrations_database())).await {
            Err(error) if is_missing_postgres(&error) => {
                access.postgres(plan, As::Admin, Some(&plan.maintenance_database)).await?
            }
            connected => connected?,
        };
        Ok(Self { access, plan, anywhere: anywhere.connection, databases: BTreeMap::new() })
    }

    async fn strip(mut self, part: &mut Part) -> anyhow::Result<()> {
        let mut there = BTreeSet::new();
        for section in &mut part.sections {
            let mut left = Vec::new();
            for piece in std::mem::take(&mut section.pieces) {
                let is_done = match &piece.unless {
                    Unless::Database(name) => there.contains(name) || self.has_database(name).await?,
                    Unless::Holds(query) | Unless::NewOrHolds(query) => match &piece.database {
                        None => holds(&mut self.anywhere, query).await?,
                        Some(database) => match self.database(database).await? {
                            Some(connection) => holds(connection, query).await?,
                            None => matches!(piece.unless, Unless::NewOrHolds(_)),
                        },
                    },
                };
                if let (Unless::Database(name), true) = (&piece.unless, is_done) {
                    there.insert(name.clone());
                }
                if !is_done {
                    left.push(piece);
                }
            }
            section.pieces = left;
        }
        Ok(())
    }

    async fn has_database(&mut self, name: &str) -> anyhow::Result<bool> {
        let query = format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = {})", literal(name));
        holds(&mut self.anywhere, &query).await
    }

    async fn database(&mut self, name: &str) -> anyhow::Result<Option<&mut PgConnection>> {
        if !self.databases.contains_key(name) {
            let connection = match self.access.postgres(self.plan, As::Admin, Some(name)).await {
                Err(error) if is_missing_postgres(&error) => None,
                connected => Some(connected?.connection),
            };
            self.databases.insert(name.to_owned(), connection);
        }
        Ok(self.databases.get_mut(name).and_then(Option::as_mut))
    }
}

async fn holds(connection: &mut PgConnection, query: &str) -> anyhow::Result<bool> {
    // By text alone: a pooler may give another session to what was prepared.
    match sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_one(connection).await {
        Err(error) if code(&error).is_some_and(|it| NOT_THERE.contains(&it.as_str())) => Ok(false),
        row => row.and_then(|it| it.try_get(0)).context("cannot see what there is"),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

async fn strip_mysql(part: &mut Part, access: &Access, plan: &MySqlPlan) -> anyhow::Result<()> {
    let mut connection = access.mysql(plan, As::Admin, None).await?.connection;
    for section in &mut part.sections {
        let mut left = Vec::new();
        for piece in std::mem::take(&mut section.pieces) {
            let is_done = match &piece.unless {
                Unless::Database(_) => false,
                Unless::Holds(query) | Unless::NewOrHolds(query) => holds_on_mysql(&mut connection, query).await?,
            };
            if !is_done {
                left.push(piece);
            }
        }
        section.pieces = left;
    }
    Ok(())
}

async fn holds_on_mysql(connection: &mut MySqlConnection, query: &str) -> anyhow::Result<bool> {
    let query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(query.to_owned()).into_sql_str()).persistent(false);
    match query.fetch_one(connection).await {
        Err(error) if number(&error).is_some_and(|it| MAY_NOT_KNOW.contains(&it)) => Ok(false),
        holds => Ok(holds.context("cannot see what there is")? != 0),
    }
}

fn number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}
