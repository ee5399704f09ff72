//! Connections of their own for operators' tools: none of a plugin's pool, and not counted in the budget of a server.

use std::sync::Arc;

use backend_plugin_api::Secret;
use sqlx::{MySqlConnection, PgConnection};
use tokio::sync::Mutex;

use super::mysql::MySqlContext;
use super::plan::{MySqlPlan, PostgresPlan};
use super::postgres::{Lease, PostgresContext, PostgresServer, quoted};

/// As whom to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// As the plugin's migrations do (`migrationConnection`, else `connection`), with its schema as search path and its
    /// role.
    Plugin,
    /// As who makes databases (`backend.database.admin`, else as [`As::Plugin`]), without search path and role.
    Admin,
}

/// Makes connections to where plans say. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Shared>);

struct Shared {
    postgres: Arc<PostgresContext>,
    mysql: Arc<MySqlContext>,
    /// Keep private servers running.
    leases: Mutex<Vec<Lease>>,
}

/// A connection, and who it is.
pub struct Connected<C> {
    /// Open.
    pub connection: C,
    /// As whom.
    pub user: String,
}

impl Access {
    pub(super) fn new(postgres: Arc<PostgresContext>, mysql: Arc<MySqlContext>) -> Self {
        Self(Arc::new(Shared { postgres, mysql, leases: Mutex::default() }))
    }

    /// A connection to `database` (default: the plan's) on the plan's server, past a pooler if the plan has a way.
    ///
    /// # Errors
    /// When it cannot be made: [`ConnectError`](super::postgres::ConnectError) is among the causes.
    pub async fn postgres(
        &self,
        plan: &PostgresPlan,
        whom: As,
        database: Option<&str>,
    ) -> anyhow::Result<Connected<PgConnection>> {
        let plan = plan.for_migrations();
        let (server, lease) = self.0.postgres.locate(&plan).await.map_err(|error| anyhow::anyhow!(error))?;
        self.0.leases.lock().await.extend(lease);
        let admin = plan.admin.as_ref().filter(|_| whom == As::Admin);
        let login = admin.unwrap_or(&server.login).clone();
        let connector = self.0.postgres.connector(&server, &login);
        let connector = if plan.pooler.is_some() { connector.behind_pooler() } else { connector };
        let search_path = plan.schema.as_deref().map(quoted);
        let mut parameters = Vec::new();
        if whom == As::Plugin && plan.pooler.is_none() {
            parameters.extend(search_path.as_deref().map(|it| ("search_path", it)));
            parameters.extend(plan.role.as_deref().map(|it| ("role", it)));
        }
        let connection = connector.connect(database.unwrap_or(&plan.database), &parameters).await?;
        Ok(Connected { connection, user: login.user })
    }

    /// A connection to `database` on the plan's server, if there is one.
    ///
    /// # Errors
    /// When it cannot be made: [`MySqlConnectError`](super::mysql::MySqlConnectError) is the cause.
    pub async fn mysql(
        &self,
        plan: &MySqlPlan,
        whom: As,
        database: Option<&str>,
    ) -> anyhow::Result<Connected<MySqlConnection>> {
        let admin = plan.admin.as_ref().filter(|_| whom == As::Admin);
        let login = admin.unwrap_or(&plan.server.login);
        let connection = self.0.mysql.connector(&plan.server, login).connect(database).await?;
        Ok(Connected { connection, user: login.user.clone() })
    }

    /// How another program gets to the plan's server, as [`As::Plugin`]: where it is, and the password as it is now. A
    /// private server runs until [`Self::close`].
    ///
    /// # Errors
    /// When the server cannot be found or started, or there has to be a password and there is none.
    pub async fn postgres_login(
        &self,
        plan: &PostgresPlan,
    ) -> anyhow::Result<(PostgresServer, Option<Secret<String>>)> {
        let plan = plan.for_migrations();
        let (server, lease) = self.0.postgres.locate(&plan).await.map_err(|error| anyhow::anyhow!(error))?;
        self.0.leases.lock().await.extend(lease);
        let password = self.0.postgres.password(&server.login).await?;
        Ok((server, password))
    }

    /// The password of the plan's login as it is now, for another program.
    ///
    /// # Errors
    /// When there has to be one and there is none.
    pub async fn mysql_password(&self, plan: &MySqlPlan) -> anyhow::Result<Option<Secret<String>>> {
        Ok(self.0.mysql.password(&plan.server.login).await?)
    }

    /// Lets go of private servers: those that nobody else uses stop.
    pub async fn close(&self) {
        for lease in self.0.leases.lock().await.drain(..) {
            lease.release().await;
        }
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access")
    }
}

impl<C> std::fmt::Debug for Connected<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connected").field("user", &self.user).finish_non_exhaustive()
    }
}
