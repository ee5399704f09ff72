//! The extensions that a plugin needs.

use anyhow::bail;
use backend_plugin_api::services::database::Session;
use sea_orm::{DbBackend, DbErr, Statement};

use super::cannot_make::CannotMake;
use super::names::quoted;
use super::provision::{Pool, Provisioner, session};

impl Provisioner {
    /// Sees to it that the database has the extensions. Those that PostgreSQL trusts can be created by
    /// the owner of the database.
    pub(super) async fn ensure_extensions(&self, pool: &Pool, extensions: &[&str]) -> anyhow::Result<()> {
        if extensions.is_empty() {
            return Ok(());
        }
        let missing = missing_extensions(&mut session(pool).await?, extensions).await?;
        if missing.is_empty() {
            return Ok(());
        }
        if self.plan.ensure.database {
            let mut turn = self.server.maker().await;
            turn.alone().await;
            let mut session = session(pool).await?;
            for extension in &missing {
                // What cannot be created is missing still, and told below.
                let create = format!("CREATE EXTENSION IF NOT EXISTS {}", quoted(extension));
                match session.execute_unprepared(&create).await {
                    Ok(_) => tracing::info!(
                        "created the extension {} in the database {}",
                        quoted(extension),
                        quoted(&self.plan.database)
                    ),
                    Err(error) => tracing::debug!("cannot create the extension {}: {error}", quoted(extension)),
                }
            }
        }
        let missing = missing_extensions(&mut session(pool).await?, extensions).await?;
        if missing.is_empty() {
            return Ok(());
        }
        bail!(CannotMake::NoExtension { plugin: self.plugin, database: quoted(&self.plan.database), missing })
    }
}

async fn missing_extensions(session: &mut dyn Session, extensions: &[&str]) -> Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, "SELECT extname::text AS name FROM pg_extension");
    let rows = session.query_all(statement).await?;
    let there: Vec<String> = rows.iter().map(|it| it.try_get("", "name")).collect::<Result<_, _>>()?;
    Ok(extensions.iter().filter(|it| !there.iter().any(|name| name == *it)).map(|it| (*it).to_owned()).collect())
}
