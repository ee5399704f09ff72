//! The role that a plugin has for itself (`backend.database.isolation`), and who may take it.

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use super::cannot_make::CannotMake;
use super::names::{literal, quoted, stamp};
use super::sqlstate;

/// How often it is looked again at what other backends have made meanwhile.
const TRIES: u32 = 10;

/// Who connects for the plugin may take the role, and who makes may give to it.
///
/// PostgreSQL: since 16 a membership alone does not do, as that of the role's creator; there it is `SET` that counts,
/// which `GRANT` gives unless told otherwise.
const MISSING: &str = "\
    SELECT role.oid IS NOT NULL, login.name::text, session_user::text, \
    coalesce(pg_has_role(login.name, role.oid, may.take), false), \
    coalesce(pg_has_role(session_user, role.oid, may.take), false) \
    FROM (SELECT coalesce($2, session_user)::name) AS login(name) \
    CROSS JOIN (SELECT CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) \
    AS may(take) LEFT JOIN pg_roles role ON role.rolname = $1";

/// The role of one plugin.
pub(super) struct PluginRole<'a> {
    pub(super) plugin: &'static str,
    pub(super) name: &'a str,
    /// Who connects for the plugin, if that is not who makes.
    pub(super) login: Option<&'a str>,
    /// Whether what is missing is made.
    pub(super) ensure: bool,
}

/// Whether the role is there; who connects, who makes; whether each of them has it.
type Found = (bool, String, String, bool, bool);

impl PluginRole<'_> {
    /// Makes what is missing, on a connection of who makes.
    ///
    /// # Errors
    /// When it may not be made: what SQL is to be run.
    pub(super) async fn make(&self, connection: &mut PgConnection) -> anyhow::Result<()> {
        let mut tries = 0;
        loop {
            let (maker, missing) = self.missing(connection).await?;
            if missing.is_empty() {
                return Ok(());
            }
            let role = quoted(self.name);
            if !self.ensure {
                return Err(CannotMake::NoRole { plugin: self.plugin, role, sql: missing.join("; ") }.into());
            }
            // All or nothing: several statements in one text are one transaction.
            let made = connection.execute(AssertSqlSafe(self.with_stamp(&missing))).await;
            tries += 1;
            match made {
                Ok(_) => tracing::info!(plugin = self.plugin, "ran {}", missing.join("; ")),
                Err(error) => match sqlstate(&error).as_deref() {
                    Some("42501") => {
                        return Err(
                            CannotMake::MayNotMakeRole { user: quoted(&maker), role, sql: missing.join("; ") }.into()
                        );
                    }
                    // Another backend makes the same: there already, or `tuple concurrently updated`.
                    Some("42710" | "23505" | "XX000") if tries < TRIES => {}
                    _ => return Err(error).with_context(|| format!("cannot make the role {role}")),
                },
            }
        }
    }

    /// Who makes, and the statements that it takes.
    async fn missing(&self, connection: &mut PgConnection) -> anyhow::Result<(String, Vec<String>)> {
        let found = sqlx::query_as(MISSING).bind(self.name).bind(self.login).persistent(false);
        let (there, login, maker, login_may, maker_may): Found =
            found.fetch_one(connection).await.context("cannot look for the plugin's role")?;
        let role = quoted(self.name);
        let mut statements = Vec::new();
        if !there {
            statements.push(format!("CREATE ROLE {role} NOLOGIN"));
        }
        if !login_may {
            statements.push(format!("GRANT {role} TO {}", quoted(&login)));
        }
        if !maker_may && maker != login {
            statements.push(format!("GRANT {role} TO {}", quoted(&maker)));
        }
        Ok((maker, statements))
    }

    fn with_stamp(&self, statements: &[String]) -> String {
        let mut sql = statements.join("; ");
        if statements.iter().any(|it| it.starts_with("CREATE")) {
            let comment = literal(&stamp(Some(self.plugin)));
            sql.push_str(&format!("; COMMENT ON ROLE {} IS {comment}", quoted(self.name)));
        }
        sql
    }
}
