//! Whether what is a plugin's belongs to the role that the plugin has for itself.

use backend_plugin_api::services::database::Session;
use sea_orm::{DbBackend, Statement};

use super::cannot_make::CannotMake;
use super::names::quoted;
use crate::database::plan::PostgresPlan;

/// Who asks, and each thing in the plugin's schema that is another's: what it is, and its name as SQL has it.
///
/// Sequences of columns go with their tables, and extensions keep what is theirs.
const STRANGE: &str = "\
    WITH me AS (SELECT oid FROM pg_roles WHERE rolname = current_user), \
    place AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname = $1), \
    extended AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'), \
    thing(rank, kind, name, owner) AS ( \
        SELECT 0, 'SCHEMA', format('%I', nspname), nspowner FROM place WHERE $2 \
        UNION ALL SELECT 0, 'DATABASE', format('%I', datname), datdba FROM pg_database \
            WHERE datname = current_database() AND NOT $2 \
        UNION ALL SELECT 1, 'TABLE', format('%I.%I', nspname, relname), relowner \
            FROM pg_class c JOIN place ON place.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
            AND ('pg_class'::regclass, c.oid) NOT IN (SELECT * FROM extended) \
            AND (relkind <> 'S' OR NOT EXISTS (SELECT FROM pg_depend d \
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))) \
        UNION ALL SELECT 2, CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, format('%I.%I', nspname, typname), typowner \
            FROM pg_type t JOIN place ON place.oid = typnamespace LEFT JOIN pg_class c ON c.oid = typrelid \
            WHERE (typtype IN ('d', 'e', 'r') OR (typtype = 'c' AND c.relkind = 'c')) \
            AND ('pg_type'::regclass, t.oid) NOT IN (SELECT * FROM extended) \
        UNION ALL SELECT 3, 'ROUTINE', \
            format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)), proowner \
            FROM pg_proc p JOIN place ON place.oid = pronamespace \
            WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT * FROM extended)) \
    SELECT current_user::text AS who, rolsuper AS super, kind, name FROM pg_roles \
    LEFT JOIN thing ON thing.owner <> pg_roles.oid WHERE rolname = current_user ORDER BY rank, kind, name";

/// Sees to it that the plugin's `session` runs under its own role, and that all that is there belongs to it.
///
/// # Errors
/// Else, with the SQL that gives it to the role. Nothing is given by itself: what another backend made there would be
/// out of its reach.
pub(super) async fn check(plugin: &'static str, plan: &PostgresPlan, session: &mut dyn Session) -> anyhow::Result<()> {
    let Some(role) = plan.role.as_deref().filter(|_| plan.isolated) else { return Ok(()) };
    let schema = plan.schema.as_deref().unwrap_or("public");
    let values = [schema.into(), plan.schema.is_some().into()];
    let rows = session.query_all(Statement::from_sql_and_values(DbBackend::Postgres, STRANGE, values)).await?;
    let mut sql = Vec::new();
    for row in &rows {
        let who: String = row.try_get("", "who")?;
        if who != role {
            return Err(CannotMake::RoleNotTaken { plugin, role: quoted(role), who: quoted(&who) }.into());
        }
        if row.try_get("", "super")? {
            return Err(CannotMake::MightyRole { plugin, role: quoted(role) }.into());
        }
        let (kind, name): (Option<String>, Option<String>) = (row.try_get("", "kind")?, row.try_get("", "name")?);
        sql.extend(kind.zip(name).map(|(kind, name)| format!("ALTER {kind} {name} OWNER TO {}", quoted(role))));
    }
    if sql.is_empty() {
        return Ok(());
    }
    let (database, sql) = (quoted(&plan.database), sql.join("; "));
    Err(CannotMake::NotOwned { plugin, role: quoted(role), database, sql }.into())
}
