//! What a start would find, and do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use backend_app_api::MigrationId;
use backend_defaults::database::postgres::literal;
use backend_defaults::database::{As, EnginePlan, MySqlPlan, PostgresPlan, SqlitePlace};
use backend_plugin_api::services::database::MigrationMode;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::postgres::{People, may_take};
use crate::Site;
use crate::inspect::{is_missing_mysql, is_missing_postgres};

/// How long a server may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a start would do for one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What is not there.
    pub gaps: Vec<Gap>,
    /// Migrations that were not applied, oldest first; `None` if that cannot be known before the role is there.
    pub pending: Option<Vec<MigrationId>>,
    /// Gone when the backend stops, and so made by each start.
    pub ephemeral: bool,
}

/// Something that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What.
    pub what: Missing,
    /// Whether a start may make it: `ensureExists` and the like. Else it fails.
    pub made: bool,
}

/// What may not be there. Shown as ``database `portal` ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// SQLite's.
    File(PathBuf),
    /// On a server.
    Database(String),
    /// In a database.
    Schema(String),
    /// What connections take.
    Role(String),
    /// Who connects may not take the role.
    Membership {
        /// What is to be taken.
        role: String,
        /// Who connects.
        login: String,
    },
    /// In a database.
    Extension(String),
}

impl Missing {
    /// What kind of thing, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Database(_) => "database",
            Self::Schema(_) => "schema",
            Self::Role(_) => "role",
            Self::Membership { .. } => "membership",
            Self::Extension(_) => "extension",
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::File(file) => file.display().to_string(),
            Self::Database(name) | Self::Schema(name) | Self::Role(name) | Self::Extension(name) => name.clone(),
            Self::Membership { role, login } => format!("{login} in {role}"),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Membership { role, login } => write!(f, "membership of `{login}` in `{role}`"),
            _ => write!(f, "{} `{}`", self.kind(), self.name()),
        }
    }
}

impl Outlook {
    /// Whether a start would make or run something that is kept, or fail because it may not.
    pub fn is_to_do(&self, mode: MigrationMode) -> bool {
        let migrates = mode != MigrationMode::Skip && self.pending.as_ref().is_none_or(|it| !it.is_empty());
        !self.ephemeral && (!self.gaps.is_empty() || migrates)
    }
}

impl Site {
    /// What a start would make and run. Changes nothing, and makes no file. A private PostgreSQL that has data is
    /// started for it.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn outlook(&self) -> anyhow::Result<Outlook> {
        let looked = tokio::time::timeout(PATIENCE, self.look()).await;
        looked.unwrap_or_else(|_| bail!("no answer within {} s", PATIENCE.as_secs()))
    }

    async fn look(&self) -> anyhow::Result<Outlook> {
        let all = || Some(self.migrator().known());
        let gaps = match &self.plan.engine {
            EnginePlan::Sqlite(plan) => match &plan.place {
                SqlitePlace::Memory => return Ok(Outlook { gaps: Vec::new(), pending: all(), ephemeral: true }),
                SqlitePlace::File(file) if !tokio::fs::try_exists(file).await? => {
                    vec![Gap { what: Missing::File(file.clone()), made: true }]
                }
                SqlitePlace::File(_) => Vec::new(),
            },
            EnginePlan::Postgres(plan) => self.gaps_on_postgres(plan).await?,
            EnginePlan::MySql(plan) => self.gaps_on_mysql(plan).await?,
        };
        let is_place = |it: &Gap| matches!(it.what, Missing::File(_) | Missing::Database(_) | Missing::Schema(_));
        let is_role = |it: &Gap| matches!(it.what, Missing::Role(_) | Missing::Membership { .. });
        let pending = if gaps.iter().any(is_place) {
            all()
        } else if gaps.iter().any(is_role) {
            None
        } else {
            Some(self.migrator().look().await?.pending)
        };
        Ok(Outlook { gaps, pending, ephemeral: false })
    }

    async fn gaps_on_postgres(&self, plan: &PostgresPlan) -> anyhow::Result<Vec<Gap>> {
        let missing_place = |with_database: bool| {
            let database = Gap { what: Missing::Database(plan.database.clone()), made: plan.ensure.database };
            let schema = plan.schema.as_ref();
            let schema = schema.map(|it| Gap { what: Missing::Schema(it.clone()), made: plan.ensure.schema });
            let extensions = self.migrations.extensions().iter();
            let extensions =
                extensions.map(|it| Gap { what: Missing::Extension((*it).to_owned()), made: plan.ensure.database });
            with_database.then_some(database).into_iter().chain(schema).chain(extensions)
        };
        if plan.embedded.as_ref().is_some_and(|it| !it.join("PG_VERSION").exists()) {
            return Ok(missing_place(true).collect());
        }
        let (mut connection, there) =
            match self.access.postgres(plan, As::Admin, Some(plan.migrations_database())).await {
                Err(error) if is_missing_postgres(&error) => {
                    if plan.role.is_none() {
                        return Ok(missing_place(true).collect());
                    }
                    let maintenance = Some(plan.maintenance_database.as_str());
                    (self.access.postgres(plan, As::Admin, maintenance).await?.connection, false)
                }
                connected => (connected?.connection, true),
            };
        let mut gaps = role_gaps(plan, &mut connection).await?;
        if !there {
            gaps.extend(missing_place(true));
            return Ok(gaps);
        }
        for gap in missing_place(false) {
            let sql = match &gap.what {
                Missing::Schema(name) => {
                    format!("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = {})", literal(name))
                }
                Missing::Extension(name) => {
                    format!("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = {})", literal(name))
                }
                _ => continue,
            };
            if !holds(&mut connection, sql).await? {
                gaps.push(gap);
            }
        }
        Ok(gaps)
    }

    async fn gaps_on_mysql(&self, plan: &MySqlPlan) -> anyhow::Result<Vec<Gap>> {
        match self.access.mysql(plan, As::Admin, Some(&plan.database)).await {
            Err(error) if is_missing_mysql(&error) => {
                Ok(vec![Gap { what: Missing::Database(plan.database.clone()), made: plan.ensure_exists }])
            }
            connected => connected.map(|_| Vec::new()),
        }
    }
}

async fn role_gaps(plan: &PostgresPlan, connection: &mut PgConnection) -> anyhow::Result<Vec<Gap>> {
    let Some(role) = &plan.role else { return Ok(Vec::new()) };
    let made = plan.isolated && plan.ensure.role;
    let mut gaps = Vec::new();
    let there = format!("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {})", literal(role));
    let there = holds(connection, there).await?;
    if !there {
        gaps.push(Gap { what: Missing::Role(role.clone()), made });
    }
    for login in People::of(plan).logins() {
        if !there || !holds(connection, format!("SELECT {}", may_take(login, role))).await? {
            gaps.push(Gap { what: Missing::Membership { role: role.clone(), login: login.to_owned() }, made });
        }
    }
    Ok(gaps)
}

/// By text alone: a pooler may give another session to what was prepared.
async fn holds(connection: &mut PgConnection, sql: String) -> anyhow::Result<bool> {
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(connection).await;
    row.and_then(|it| it.try_get(0)).context("cannot see what there is")
}
