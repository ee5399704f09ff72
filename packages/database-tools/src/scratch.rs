//! A database like a plugin's, for a moment: to see what migrations make, or whether a backup can be restored.

use std::path::Path;

use anyhow::Context as _;
use backend_defaults::database::postgres::quoted;
use backend_defaults::database::{As, DatabasePlan, EnginePlan, Ensure, SqlitePlace, mysql};
use sqlx::{AssertSqlSafe, Executor as _};
use tempfile::TempDir;

use crate::Site;

/// What names of scratch databases and schemas begin with.
pub(crate) const PREFIX: &str = "greenroom_scratch_";

/// A database that is dropped by [`Scratch::drop`].
pub struct Scratch {
    site: Site,
    /// With SQLite's file, if there is one.
    _folder: Option<TempDir>,
}

impl Scratch {
    /// Makes an empty one beside that of `site`: on its server, in schema mode a schema in the same database, and so too
    /// where no database may be made; SQLite's is in memory. Nothing is migrated yet.
    ///
    /// # Errors
    /// When it cannot be made, such as for want of rights.
    pub async fn make(site: &Site) -> anyhow::Result<Self> {
        Self::make_by(site, plan(&site.plan, &name()), None).await
    }

    /// The same, but for rows of whatever number: SQLite's is a file, beside that of `site` if its folder is there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn for_rows(site: &Site) -> anyhow::Result<Self> {
        let mut plan = plan(&site.plan, &name());
        let EnginePlan::Sqlite(sqlite) = &mut plan.engine else {
            return Self::make_by(site, plan, None).await;
        };
        let beside = site.file().and_then(Path::parent).filter(|it| it.is_dir());
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(PREFIX).tempdir_in(beside.unwrap_or(&std::env::temp_dir()))?;
        sqlite.place = SqlitePlace::File(folder.path().join("scratch.sqlite"));
        Self::make_by(site, plan, Some(folder)).await
    }

    /// Who may make no database may well make a schema in their own.
    async fn make_by(site: &Site, plan: DatabasePlan, folder: Option<TempDir>) -> anyhow::Result<Self> {
        let error = match Self::provision(site, plan, folder).await {
            Ok(scratch) => return Ok(scratch),
            Err(error) => error,
        };
        if let Some(plan) = in_own_database(&site.plan)
            && let Ok(scratch) = Self::provision(site, plan, None).await
        {
            return Ok(scratch);
        }
        Err(error.context(format!("cannot make a scratch database beside that of `{}`", site.plugin())))
    }

    async fn provision(site: &Site, plan: DatabasePlan, folder: Option<TempDir>) -> anyhow::Result<Self> {
        let scratch = Self { site: Site::new(plan, site.migrations, &site.manager), _folder: folder };
        match scratch.site.provision().await {
            Ok(()) => Ok(scratch),
            Err(error) => {
                scratch.site.close().await;
                Err(error)
            }
        }
    }

    /// It, as a plugin's.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Drops it.
    ///
    /// # Errors
    /// When it is still there, with its name.
    pub async fn drop(self) -> anyhow::Result<()> {
        self.site.database.close().await;
        let dropped = self.drop_place().await;
        self.site.close().await;
        dropped.with_context(|| format!("cannot drop the scratch database {}", self.site.plan.info().location))
    }

    async fn drop_place(&self) -> anyhow::Result<()> {
        match &self.site.plan.engine {
            EnginePlan::Sqlite(_) => Ok(()),
            EnginePlan::Postgres(plan) => match &plan.schema {
                Some(schema) => {
                    let mut connected = self.site.access.postgres(plan, As::Plugin, None).await?;
                    let sql = format!("DROP SCHEMA {} CASCADE", quoted(schema));
                    connected.connection.execute(AssertSqlSafe(sql)).await?;
                    Ok(())
                }
                None => {
                    let maintenance = Some(plan.maintenance_database.as_str());
                    let mut connected = self.site.access.postgres(plan, As::Admin, maintenance).await?;
                    let sql = format!("DROP DATABASE {}", quoted(&plan.database));
                    connected.connection.execute(AssertSqlSafe(sql)).await?;
                    Ok(())
                }
            },
            EnginePlan::MySql(plan) => {
                let mut connected = self.site.access.mysql(plan, As::Admin, None).await?;
                let sql = format!("DROP DATABASE {}", mysql::quoted(&plan.database));
                connected.connection.execute(AssertSqlSafe(sql)).await?;
                Ok(())
            }
        }
    }
}

fn name() -> String {
    format!("{PREFIX}{}", uuid::Uuid::new_v4().simple())
}

/// A schema in the plugin's database, which has none else.
fn in_own_database(own: &DatabasePlan) -> Option<DatabasePlan> {
    let name = name();
    let mut scratch = plan(own, &name);
    let (EnginePlan::Postgres(own), EnginePlan::Postgres(postgres)) = (&own.engine, &mut scratch.engine) else {
        return None;
    };
    if own.schema.is_some() {
        return None;
    }
    own.migrations_database().clone_into(&mut postgres.database);
    postgres.ensure.database = false;
    postgres.schema = Some(name);
    Some(scratch)
}

/// The same with another name, made where it is not there.
fn plan(plan: &DatabasePlan, name: &str) -> DatabasePlan {
    let mut plan = plan.clone();
    match &mut plan.engine {
        EnginePlan::Sqlite(sqlite) => sqlite.place = SqlitePlace::Memory,
        EnginePlan::Postgres(postgres) => {
            // Past the pooler, which need not know the name.
            if let Some(direct) = postgres.direct.take() {
                (postgres.server, postgres.database, postgres.pooler) = (direct.server, direct.database, None);
            }
            postgres.ensure = Ensure { database: true, schema: true, role: false };
            postgres.isolated = false;
            // So that it is known who uses it.
            postgres.server.session.application_name = name.to_owned();
            match &mut postgres.schema {
                Some(schema) => *schema = name.to_owned(),
                None => postgres.database = name.to_owned(),
            }
        }
        EnginePlan::MySql(mysql) => {
            mysql.ensure_exists = true;
            mysql.database = name.to_owned();
        }
    }
    plan
}
