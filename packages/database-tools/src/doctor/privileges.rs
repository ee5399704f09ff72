//! Whether the roles may do what the plan needs, and the SQL that lets them.

use backend_defaults::database::PostgresPlan;
use backend_defaults::database::postgres::{grants, literal, quoted};
use backend_plugin_api::services::database::MigrationMode;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

use super::finding::{About, Finding};
use crate::Site;
use crate::planning::{People, has_rows, may_take};

const CHECK: &str = "rights";
const WHY: &str = "the plugin does not start, or fails when it works";

/// What is lacking, and the SQL that gives it.
struct Lack(String, String);

/// By a connection to the plan's database if that is `there`, else to another of its server.
pub(super) async fn check(
    about: &About,
    connection: &mut PgConnection,
    there: bool,
    site: &Site,
    plan: &PostgresPlan,
) -> sqlx::Result<Vec<Finding>> {
    let mut asker = Asker { connection, plan, people: People::of(plan), lacks: Vec::new() };
    asker.role().await?;
    if there {
        asker.connect().await?;
        asker.schema(site.plan.migrations).await?;
        asker.extensions(site).await?;
    } else {
        asker.database().await?;
    }
    let database =
        if there { format!(" in the database {}", quoted(plan.migrations_database())) } else { String::new() };
    let lacks = std::mem::take(&mut asker.lacks);
    if lacks.is_empty() {
        return Ok(vec![about.ok(CHECK, "all that the plan needs")]);
    }
    let finding = |Lack(what, sql)| about.error(CHECK, what, WHY, format!("let a superuser run{database} `{sql}`"));
    Ok(lacks.into_iter().map(finding).collect())
}

struct Asker<'a> {
    connection: &'a mut PgConnection,
    plan: &'a PostgresPlan,
    people: People<'a>,
    lacks: Vec<Lack>,
}

impl Asker<'_> {
    async fn holds(&mut self, sql: impl Into<String>) -> sqlx::Result<bool> {
        let sql = format!("SELECT coalesce(({}), false)", sql.into());
        sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *self.connection).await?.try_get(0)
    }

    fn lacks(&mut self, what: impl Into<String>, sql: String) {
        self.lacks.push(Lack(what.into(), sql));
    }

    fn maker(&self) -> &str {
        self.plan.admin.as_ref().map_or(self.people.migrator, |it| it.user.as_str())
    }

    /// Of who makes: `createdb` or `createrole`.
    async fn maker_may(&mut self, what: &str) -> sqlx::Result<bool> {
        let maker = literal(self.maker());
        self.holds(format!("SELECT rolsuper OR rol{what} FROM pg_roles WHERE rolname = {maker}")).await
    }

    async fn role(&mut self) -> sqlx::Result<()> {
        let Some(role) = self.plan.role.as_deref() else { return Ok(()) };
        let is_made = self.plan.isolated && self.plan.ensure.role && self.maker_may("createrole").await?;
        if is_made {
            return Ok(());
        }
        let there = self.holds(format!("SELECT true FROM pg_roles WHERE rolname = {}", literal(role))).await?;
        if !there {
            let sql = match self.plan.isolated && self.plan.ensure.role {
                true => grants::createrole(&quoted(self.maker())),
                false => format!("CREATE ROLE {} NOLOGIN", quoted(role)),
            };
            self.lacks(format!("there is no role {}", quoted(role)), sql);
        }
        for login in self.people.logins() {
            if !there || !self.holds(may_take(login, role)).await? {
                let what = format!("{} may not take the role {}", quoted(login), quoted(role));
                self.lacks(what, grants::role(&quoted(role), &quoted(login)));
            }
        }
        Ok(())
    }

    async fn database(&mut self) -> sqlx::Result<()> {
        let (database, owner) = (quoted(&self.plan.database), quoted(self.people.owner));
        let maker = self.maker().to_owned();
        if !self.plan.ensure.database {
            let what = format!("there is no database {database}, and `ensureExists` is off");
            self.lacks(what, grants::create_database(&database, &owner));
        } else if !self.maker_may("createdb").await? {
            let what = format!("{} may not make the database {database}", quoted(&maker));
            self.lacks(what, grants::createdb(&quoted(&maker)));
        } else if maker != self.people.owner
            && !self.plan.isolated
            && !self.holds(may_take(&maker, self.people.owner)).await?
        {
            let what = format!("{} may not give what it makes to {owner}", quoted(&maker));
            self.lacks(what, grants::role(&owner, &quoted(&maker)));
        }
        Ok(())
    }

    async fn connect(&mut self) -> sqlx::Result<()> {
        let database = self.plan.migrations_database();
        for login in self.people.logins() {
            let may = format!("has_database_privilege({}, {}, 'CONNECT')", literal(login), literal(database));
            if !self.holds(may).await? {
                let (database, login) = (quoted(database), quoted(login));
                self.lacks(format!("{login} may not connect to {database}"), grants::connect(&database, &login));
            }
        }
        Ok(())
    }

    async fn schema(&mut self, mode: MigrationMode) -> sqlx::Result<()> {
        let name = self.plan.schema.as_deref().unwrap_or("public");
        let (schema, database) = (quoted(name), self.plan.migrations_database());
        if !self.holds(format!("SELECT true FROM pg_namespace WHERE nspname = {}", literal(name))).await? {
            return self.missing_schema(&schema, database).await;
        }
        let People { owner, worker, .. } = self.people;
        let may = |who: &str, what| format!("has_schema_privilege({}, {}, '{what}')", literal(who), literal(name));
        // Roles that are not there have been told.
        if self.exists(owner).await? && mode == MigrationMode::Run {
            let (uses, makes) = (self.holds(may(owner, "USAGE")).await?, self.holds(may(owner, "CREATE")).await?);
            let owner = quoted(owner);
            if !uses {
                let sql = grants::use_and_make_tables(&schema, &owner);
                self.lacks(format!("{owner} may not use the schema {schema}"), sql);
            } else if !makes {
                let sql = grants::make_tables(&schema, &owner);
                self.lacks(format!("{owner} may not make tables in the schema {schema}"), sql);
            }
        }
        if !self.exists(worker).await? {
            return Ok(());
        }
        if (worker != owner || mode != MigrationMode::Run) && !self.holds(may(worker, "USAGE")).await? {
            let what = format!("{} may not use the schema {schema}", quoted(worker));
            self.lacks(what, grants::use_schema(&schema, &quoted(worker)));
        }
        let (tables, sequences) = has_rows(name, worker);
        if !self.holds(tables).await? {
            let what = format!("{} may not read and write all tables of the schema {schema}", quoted(worker));
            self.lacks(what, grants::rows(&schema, &quoted(worker)));
        }
        if !self.holds(sequences).await? {
            let what = format!("{} may not use all sequences of the schema {schema}", quoted(worker));
            self.lacks(what, grants::sequences(&schema, &quoted(worker)));
        }
        self.ownership(name).await
    }

    async fn exists(&mut self, role: &str) -> sqlx::Result<bool> {
        self.holds(format!("SELECT true FROM pg_roles WHERE rolname = {}", literal(role))).await
    }

    async fn missing_schema(&mut self, schema: &str, database: &str) -> sqlx::Result<()> {
        let (maker, owner) = (self.maker().to_owned(), quoted(self.people.owner));
        if !self.plan.ensure.schema {
            let what = format!("there is no schema {schema}, and `ensureExists` is off");
            self.lacks(what, grants::create_schema(schema, &owner));
            return Ok(());
        }
        let may = format!("has_database_privilege({}, {}, 'CREATE')", literal(&maker), literal(database));
        if !self.holds(may).await? {
            let what = format!("{} may not make the schema {schema}", quoted(&maker));
            self.lacks(what, grants::make_schemas(&quoted(database), &quoted(&maker)));
        }
        Ok(())
    }

    /// With `isolation: role` a start refuses what is another's.
    async fn ownership(&mut self, schema: &str) -> sqlx::Result<()> {
        let Some(role) = self.plan.role.as_deref().filter(|_| self.plan.isolated) else { return Ok(()) };
        let database = self.plan.migrations_database();
        let (kind, name, of) = match self.plan.schema {
            Some(_) => (
                "SCHEMA",
                schema,
                format!(
                    "SELECT pg_get_userbyid(nspowner) = {} FROM pg_namespace WHERE nspname = {}",
                    literal(role),
                    literal(schema)
                ),
            ),
            None => (
                "DATABASE",
                database,
                format!(
                    "SELECT pg_get_userbyid(datdba) = {} FROM pg_database WHERE datname = {}",
                    literal(role),
                    literal(database)
                ),
            ),
        };
        if !self.holds(of).await? {
            let (name, role) = (quoted(name), quoted(role));
            let what = format!("the {} {name} does not belong to {role}, as `isolation` wants", kind.to_lowercase());
            self.lacks(what, format!("ALTER {kind} {name} OWNER TO {role}"));
        }
        Ok(())
    }

    /// Those that a start may not make.
    async fn extensions(&mut self, site: &Site) -> sqlx::Result<()> {
        if self.plan.ensure.database {
            return Ok(());
        }
        for extension in site.migrations.extensions() {
            let there = format!("SELECT true FROM pg_extension WHERE extname = {}", literal(extension));
            if !self.holds(there).await? {
                self.lacks(format!("there is no extension {}", quoted(extension)), grants::create_extension(extension));
            }
        }
        Ok(())
    }
}
