use std::future::{pending, ready};

use backend_defaults::database::{EnginePlan, Environment};
use backend_plugin_api::services::Database;
use backend_plugin_api::{Migrations, Plugin, PluginId, Result};
use config::Config;
use database_tools::Site;
use database_tools::drift::{Comparison, Drift};
use insta::assert_snapshot;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};

async fn migrated(place: &Place) -> Site {
    let site = place.site(SAMPLE);
    site.provision().await.unwrap();
    site.migrator().run().await.unwrap();
    site
}

async fn compared(site: &Site) -> Comparison {
    match site.drift(pending()).await.unwrap() {
        Drift::Compared(comparison) => comparison,
        other => panic!("{other:?}"),
    }
}

async fn run(site: &Site, statements: &[&str]) {
    for sql in statements {
        site.database.execute_unprepared(sql).await.unwrap();
    }
}

/// Differences, and the SQL, as one text.
fn told(comparison: &Comparison) -> String {
    let differences =
        comparison.differences.iter().map(|it| format!("{:?} {} {}\n{}", it.state, it.kind, it.name, it.diff));
    format!("{}\n{}", differences.collect::<String>(), comparison.sql)
}

/// Those that are left when the SQL has run: what is in comments.
async fn mended(site: &Site, comparison: &Comparison) -> Comparison {
    run_script(site, &comparison.sql).await;
    compared(site).await
}

/// MySQL takes one statement at a time.
async fn run_script(site: &Site, sql: &str) {
    match ConnectionTrait::get_database_backend(&site.database) {
        DbBackend::MySql => {
            for sql in sql.split_inclusive(";\n").filter(|it| it.lines().any(|it| !it.starts_with("--"))) {
                run(site, &[sql]).await;
            }
        }
        _ => run(site, &[sql]).await,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_migrations_made_does_not_differ() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = place.site(SAMPLE);
        assert_eq!(site.drift(pending()).await.unwrap(), Drift::Missing, "{layout:?}");
        site.provision().await.unwrap();
        let Drift::Pending(pending_now) = site.drift(pending()).await.unwrap() else { panic!("{layout:?}") };
        assert!(pending_now.len() >= 3, "{pending_now:?}");
        site.migrator().run().await.unwrap();
        assert_eq!(told(&compared(&site).await), "\n", "{layout:?}");
        assert_eq!(site.drift(ready(())).await.unwrap_err().to_string(), "interrupted", "{layout:?}");
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_postgres_is_compared_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let connection = json!({ "directory": folder.path().join("postgres") });
    let site = crate::fixture::site(&json!({ "client": "embedded-postgres", "connection": connection }), SAMPLE);
    site.provision().await.unwrap();
    site.migrator().run().await.unwrap();
    assert_eq!(told(&compared(&site).await), "\n");
    site.close().await;
}

/// However far it had come: what could not be dropped would be told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scratch_database_goes_when_it_is_stopped() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = migrated(&place).await;
        for polls in [0, 1, 3, 10, 30, 100] {
            let stop = async {
                for _ in 0..polls {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
            };
            if let Err(error) = site.drift(stop).await {
                assert_eq!(error.to_string(), "interrupted", "{layout:?}");
            }
        }
        if layout == Layout::PostgresSchema {
            let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'greenroom_scratch_%'";
            let left = site.database.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
            assert_eq!(left.len(), 0);
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let place = Place::new(Layout::Files).await;
    let site = migrated(&place).await;
    run(
        &site,
        &[
            "ALTER TABLE settings DROP COLUMN value",
            "ALTER TABLE tree DROP COLUMN note",
            "ALTER TABLE author ADD COLUMN age integer NOT NULL DEFAULT 7 CHECK (age > 0)",
            "DROP TABLE \"Odd \"\"Name\"",
            "DROP TABLE computed",
            "CREATE TABLE computed (id INTEGER PRIMARY KEY, n TEXT, doubled INTEGER GENERATED ALWAYS AS (n * 3) STORED)",
            "CREATE TABLE extra (a text, UNIQUE (a))",
            "CREATE INDEX by_author ON book (author_id) WHERE author_id > 1",
            "CREATE VIEW all_books AS SELECT * FROM book",
            "CREATE TRIGGER shout AFTER INSERT ON book BEGIN DELETE FROM author; END",
        ],
    )
    .await;
    let comparison = compared(&site).await;
    assert_snapshot!(told(&comparison), @r#"
    Missing table Odd "Name
    + column a `b` varchar(50) not null
    + column order integer not null
    + primary key (order, a `b`)
    Changed table author
    - column age integer not null default 7
    - check (age > 0)
    Changed table book
    - index by_author on book (author_id) where author_id > 1
    - trigger shout after insert on book begin delete from author; end
    Changed table computed
    - column doubled integer generated always as (n * 3) stored
    + column doubled integer generated always as (n * 2) stored
    - column n text
    + column n integer
    Extra table extra
    - column a text
    - unique (a)
    Changed table settings
    + column value text
    Changed table tree
    + column note text
    Extra view all_books
    - view all_books as select * from book

    CREATE TABLE "Odd ""Name" ( "order" integer NOT NULL, "a `b`" varchar(50) NOT NULL, PRIMARY KEY ("order", "a `b`") );
    ALTER TABLE "settings" ADD COLUMN "value" text;
    ALTER TABLE "tree" ADD COLUMN "note" text;
    -- ALTER TABLE "author" DROP COLUMN "age";
    -- table "author": `check (age > 0)` goes when the table is rebuilt as https://sqlite.org/lang_altertable.html says
    -- DROP INDEX "by_author";
    -- DROP TRIGGER "shout";
    -- table "computed": SQLite cannot change the column "doubled" in place; rebuild the table as https://sqlite.org/lang_altertable.html says
    -- table "computed": SQLite cannot change the column "n" in place; rebuild the table as https://sqlite.org/lang_altertable.html says
    -- DROP TABLE "extra";
    -- DROP VIEW "all_books";
    "#);
    let left = mended(&site, &comparison).await;
    assert!(left.sql.lines().all(|it| it.starts_with("--")), "{}", left.sql);
    assert_eq!(
        left.differences.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(),
        ["author", "book", "computed", "extra", "all_books"]
    );
    site.close().await;
}

const OF_POSTGRES: [&str; 19] = [
    "ALTER TABLE settings DROP COLUMN value",
    "ALTER TABLE tree DROP CONSTRAINT tree_parent",
    "ALTER TABLE tree DROP CONSTRAINT tree_title",
    "ALTER TABLE tree ALTER COLUMN title TYPE text, ALTER COLUMN title DROP NOT NULL",
    "ALTER TABLE everything ALTER COLUMN whole SET DEFAULT 4, ALTER COLUMN small TYPE bigint",
    "ALTER TABLE book ADD CONSTRAINT positive CHECK (id > 0)",
    "ALTER TABLE book DROP CONSTRAINT book_author, \
     ADD CONSTRAINT book_author FOREIGN KEY (author_id) REFERENCES author (id) ON DELETE CASCADE",
    "DROP TABLE \"Odd \"\"Name\"",
    "CREATE TABLE extra (a text)",
    "CREATE INDEX by_author ON book USING hash (author_id) WHERE author_id > 1",
    "CREATE INDEX by_word ON settings (lower(key))",
    "CREATE VIEW all_books AS SELECT id FROM book",
    "CREATE SEQUENCE lonely START 5",
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE DOMAIN year AS integer DEFAULT 2000 CHECK (VALUE > 1900)",
    "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2'",
    "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER shouts BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION shout()",
    "CREATE MATERIALIZED VIEW kept AS SELECT id FROM author",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_in_both_modes() {
    let mut texts = Vec::new();
    for layout in [Layout::Postgres, Layout::PostgresSchema] {
        let place = Place::new(layout).await;
        let site = migrated(&place).await;
        run(&site, &OF_POSTGRES).await;
        let comparison = compared(&site).await;
        texts.push(told(&comparison));
        let left = mended(&site, &comparison).await;
        assert!(left.sql.lines().all(|it| it.starts_with("--")), "{}", left.sql);
        let names: Vec<_> = left.differences.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(
            names,
            ["mood", "year", "lonely", "shout()", "twice(n integer)", "book", "extra", "settings", "all_books", "kept"],
        );
        site.close().await;
    }
    assert_eq!(texts[0], texts[1]);
    assert_snapshot!(texts[0], @r#"
    Extra enum mood
    - 'sad', 'glad'
    Extra domain year
    - AS integer DEFAULT 2000 CONSTRAINT year_check CHECK (VALUE > 1900)
    Extra sequence lonely
    - as bigint start 5 increment 1 minvalue 1 maxvalue 9223372036854775807
    Extra function shout()
    - CREATE OR REPLACE FUNCTION shout()
    -  RETURNS trigger
    -  LANGUAGE plpgsql
    - AS $function$BEGIN RETURN NEW; END$function$
    Extra function twice(n integer)
    - CREATE OR REPLACE FUNCTION twice(n integer)
    -  RETURNS integer
    -  LANGUAGE sql
    - AS $function$SELECT n * 2$function$
    Missing table Odd "Name
    + column a `b` character varying(50) not null
    + column order integer not null
    + constraint Odd "Name_pkey PRIMARY KEY ("order", "a `b`")
    Changed table book
    - constraint positive CHECK (id > 0)
    - constraint book_author FOREIGN KEY (author_id) REFERENCES author(id) ON DELETE CASCADE
    - index by_author ON book USING hash (author_id) WHERE author_id > 1
    - trigger shouts BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION shout()
    + constraint book_author FOREIGN KEY (author_id) REFERENCES author(id)
    Changed table everything
    - column small bigint
    + column small smallint
    - column whole integer default 4
    + column whole integer
    Extra table extra
    - column a text
    Changed table settings
    + column value text
    - index by_word ON settings USING btree (lower(key::text))
    Changed table tree
    - column title text
    + column title character varying(255) not null
    + constraint tree_title UNIQUE (title)
    + constraint tree_parent FOREIGN KEY (parent_id) REFERENCES tree(id)
    Extra view all_books
    -  SELECT book.id
    -    FROM book;
    Extra view kept
    - materialized
    -  SELECT author.id
    -    FROM author;

    CREATE TABLE "Odd ""Name" (
      "order" integer NOT NULL,
      "a `b`" character varying(50) NOT NULL,
      CONSTRAINT "Odd ""Name_pkey" PRIMARY KEY ("order", "a `b`")
    );
    ALTER TABLE "everything" ALTER COLUMN "small" TYPE smallint USING "small"::smallint;
    ALTER TABLE "everything" ALTER COLUMN "whole" DROP DEFAULT;
    ALTER TABLE "settings" ADD COLUMN "value" text;
    ALTER TABLE "tree" ALTER COLUMN "title" TYPE character varying(255) USING "title"::character varying(255);
    ALTER TABLE "tree" ALTER COLUMN "title" SET NOT NULL;
    ALTER TABLE "tree" ADD CONSTRAINT "tree_title" UNIQUE (title);
    ALTER TABLE "book" DROP CONSTRAINT "book_author";
    ALTER TABLE "book" ADD CONSTRAINT "book_author" FOREIGN KEY (author_id) REFERENCES author(id);
    ALTER TABLE "tree" ADD CONSTRAINT "tree_parent" FOREIGN KEY (parent_id) REFERENCES tree(id);
    -- DROP TYPE "mood";
    -- DROP DOMAIN "year";
    -- DROP SEQUENCE "lonely";
    -- DROP FUNCTION "shout"();
    -- DROP FUNCTION "twice"(n integer);
    -- ALTER TABLE "book" DROP CONSTRAINT "positive";
    -- DROP INDEX "by_author";
    -- DROP TRIGGER "shouts" ON "book";
    -- DROP TABLE "extra";
    -- DROP INDEX "by_word";
    -- DROP VIEW "all_books";
    -- DROP MATERIALIZED VIEW "kept";
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql() {
    let place = Place::new(Layout::MySql).await;
    let site = migrated(&place).await;
    run(
        &site,
        &[
            "ALTER TABLE settings DROP COLUMN value",
            "ALTER TABLE tree DROP FOREIGN KEY tree_parent",
            "ALTER TABLE tree DROP INDEX tree_title",
            "ALTER TABLE tree MODIFY COLUMN title text NULL",
            "ALTER TABLE book ADD CONSTRAINT positive CHECK (author_id > 0)",
            "ALTER TABLE settings MODIFY COLUMN `key` varchar(100) CHARACTER SET latin1 NOT NULL",
            "DROP TABLE `Odd \"Name`",
            "CREATE TABLE extra (a text)",
            "CREATE INDEX by_author ON book (author_id, id)",
            "CREATE VIEW all_books AS SELECT id FROM book",
            "CREATE TRIGGER shout BEFORE INSERT ON book FOR EACH ROW SET NEW.author_id = 1",
        ],
    )
    .await;
    let comparison = compared(&site).await;
    assert_snapshot!(told(&comparison), @r#"
    Missing table Odd "Name
    + column `a ``b``` varchar(50) NOT NULL
    + column `order` int(11) NOT NULL
    + PRIMARY KEY (`order`,`a ``b```)
    Changed table book
    - CONSTRAINT `positive` CHECK (`author_id` > 0)
    - KEY `by_author` (`author_id`,`id`)
    - trigger `shout` BEFORE INSERT ON `book` FOR EACH ROW SET NEW.author_id = 1
    + KEY `book_author` (`author_id`)
    Extra table extra
    - column `a` text DEFAULT NULL
    Changed table settings
    + column `value` text DEFAULT NULL
    Changed table tree
    - column `title` text DEFAULT NULL
    + column `title` varchar(255) NOT NULL
    + UNIQUE KEY `tree_title` (`title`)
    + CONSTRAINT `tree_parent` FOREIGN KEY (`parent_id`) REFERENCES `tree` (`id`)
    Extra view all_books
    - select `book`.`id` AS `id` from `book`

    CREATE TABLE `Odd "Name` (
      `order` int(11) NOT NULL,
      `a ``b``` varchar(50) NOT NULL,
      PRIMARY KEY (`order`,`a ``b```)
    );
    ALTER TABLE `settings` ADD COLUMN `value` text DEFAULT NULL;
    ALTER TABLE `tree` MODIFY COLUMN `title` varchar(255) NOT NULL;
    ALTER TABLE `book` ADD KEY `book_author` (`author_id`);
    ALTER TABLE `tree` ADD UNIQUE KEY `tree_title` (`title`);
    ALTER TABLE `tree` ADD CONSTRAINT `tree_parent` FOREIGN KEY (`parent_id`) REFERENCES `tree` (`id`);
    -- ALTER TABLE `book` DROP CONSTRAINT `positive`;
    -- ALTER TABLE `book` DROP INDEX `by_author`;
    -- DROP TRIGGER `shout`;
    -- DROP TABLE `extra`;
    -- DROP VIEW `all_books`;
    "#);
    let left = mended(&site, &comparison).await;
    assert!(left.sql.lines().all(|it| it.starts_with("--")), "{}", left.sql);
    let names: Vec<_> = left.differences.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["book", "extra", "all_books"]);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_not_make_databases_has_its_own() {
    let place = Place::new(Layout::Postgres).await;
    let site = migrated(&place).await;
    let EnginePlan::Postgres(plan) = &site.plan.engine else { panic!() };
    let (role, database) = (format!("{}_small", plan.database), &plan.database);
    run(
        &site,
        &[
            &format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'small' NOSUPERUSER NOCREATEDB"),
            &format!("ALTER DATABASE \"{database}\" OWNER TO \"{role}\""),
            &format!("GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{role}\""),
        ],
    )
    .await;
    let mut config = place.config.clone();
    config["connection"]["user"] = role.clone().into();
    config["connection"]["password"] = "small".into();
    let small = crate::fixture::site(&config, SAMPLE);
    assert_eq!(told(&compared(&small).await), "\n");
    small.close().await;
    run(&site, &[&format!("ALTER DATABASE \"{database}\" OWNER TO CURRENT_USER")]).await;

    let bare = crate::fixture::site(&config, SAMPLE);
    let error = format!("{:#}", bare.drift(pending()).await.unwrap_err());
    let error = error.replace(&role, "<role>");
    bare.close().await;
    run(&site, &[&format!("DROP OWNED BY \"{role}\""), &format!("DROP ROLE \"{role}\"")]).await;
    site.close().await;
    assert!(error.starts_with("cannot make a scratch database beside that of `sample`: "), "{error}");
    assert!(error.contains("let a superuser run `ALTER ROLE \"<role>\" CREATEDB`"), "{error}");
}

struct KindsPlugin;

type Statements = &'static [&'static str];

/// What makes them, what destroys them, and what makes others of them.
const KINDS: [(DbBackend, Statements, Statements, Statements); 3] = [
    (
        DbBackend::Sqlite,
        &[
            "CREATE TABLE thing (id integer PRIMARY KEY AUTOINCREMENT, name text NOT NULL DEFAULT 'x' CHECK (name <> ''), \
             n integer, twice integer GENERATED ALWAYS AS (n * 2) VIRTUAL, other integer REFERENCES thing (id) ON DELETE CASCADE, \
             UNIQUE (n, name)) STRICT",
            "CREATE INDEX few ON thing (name) WHERE n > 1",
            "CREATE INDEX by_length ON thing (length(name))",
            "CREATE VIEW names AS SELECT name FROM thing",
            "CREATE TRIGGER shout AFTER INSERT ON thing BEGIN DELETE FROM thing WHERE n = 1; DELETE FROM thing WHERE n = 2; END",
            "CREATE VIRTUAL TABLE words USING fts5 (word)",
        ],
        &["DROP VIEW names", "DROP TABLE thing", "DROP TABLE words"],
        &[
            "DROP INDEX few",
            "CREATE INDEX few ON thing (name) WHERE n > 2",
            "DROP VIEW names",
            "CREATE VIEW names AS SELECT n FROM thing",
            "DROP TRIGGER shout",
            "CREATE TRIGGER shout AFTER INSERT ON thing BEGIN DELETE FROM thing WHERE n = 1; END",
        ],
    ),
    (
        DbBackend::MySql,
        &[
            "CREATE TABLE thing (id serial PRIMARY KEY, name varchar(50) NOT NULL DEFAULT 'x' CHECK (name <> ''), n integer, \
             twice integer GENERATED ALWAYS AS (n * 2) STORED, doc json, other bigint unsigned, at timestamp(3) NOT NULL \
             DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3), UNIQUE KEY pair (n, name), \
             FULLTEXT KEY words (name), KEY few (name(10) DESC), \
             CONSTRAINT up FOREIGN KEY (other) REFERENCES thing (id) ON DELETE CASCADE)",
            "CREATE VIEW names AS SELECT name FROM thing",
            "CREATE TRIGGER shout BEFORE INSERT ON thing FOR EACH ROW SET NEW.n = 1",
            // MariaDB's.
            "CREATE SEQUENCE lonely START WITH 5",
        ],
        &["DROP VIEW names", "DROP TABLE thing", "DROP SEQUENCE lonely"],
        &[
            "CREATE OR REPLACE SEQUENCE lonely START WITH 6 INCREMENT BY 2",
            "ALTER TABLE thing MODIFY COLUMN doc text NOT NULL, DROP KEY few, ADD KEY few (n), \
             MODIFY COLUMN at timestamp NULL",
            "CREATE OR REPLACE VIEW names AS SELECT n FROM thing",
            "DROP TRIGGER shout",
            "CREATE TRIGGER shout BEFORE UPDATE ON thing FOR EACH ROW SET NEW.n = 1",
        ],
    ),
    (
        DbBackend::Postgres,
        &[
            "CREATE TYPE mood AS ENUM ('sad', 'so-so', 'it''s good')",
            "CREATE DOMAIN year AS integer DEFAULT 2000 NOT NULL CHECK (VALUE > 1900)",
            "CREATE SEQUENCE lonely AS integer START 5 CYCLE",
            "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2'",
            "CREATE TABLE thing (id serial PRIMARY KEY, big bigint GENERATED ALWAYS AS IDENTITY, name varchar(50) NOT NULL \
             DEFAULT 'x' CHECK (name <> ''), n integer DEFAULT nextval('lonely'), twice integer GENERATED ALWAYS AS (twice(n)) STORED, \
             feeling mood DEFAULT 'sad', since year, tags text[], other integer REFERENCES thing ON DELETE CASCADE, \
             UNIQUE (n, name), EXCLUDE USING gist (int4range(n, n + 1) WITH &&))",
            "CREATE INDEX few ON thing (name DESC NULLS LAST) INCLUDE (n) WHERE n > 1",
            "CREATE UNIQUE INDEX by_length ON thing USING btree (length(name), twice(n))",
            "CREATE INDEX by_tags ON thing USING gin (tags)",
            "CREATE VIEW names AS SELECT name, twice(n) FROM thing",
            "CREATE MATERIALIZED VIEW kept AS SELECT id FROM thing",
            "CREATE UNIQUE INDEX of_kept ON kept (id)",
            "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER shouts BEFORE INSERT OR UPDATE OF name ON thing FOR EACH ROW WHEN (NEW.n > 1) EXECUTE FUNCTION shout()",
        ],
        &[
            "DROP TABLE thing CASCADE",
            "DROP FUNCTION shout, twice",
            "DROP SEQUENCE lonely",
            "DROP TYPE mood",
            "DROP DOMAIN year",
        ],
        &[
            "ALTER TYPE mood RENAME TO old",
            "CREATE TYPE mood AS ENUM ('sad', 'it''s good')",
            "ALTER TABLE thing ALTER feeling DROP DEFAULT, ALTER feeling TYPE mood USING feeling::text::mood",
            "DROP TYPE old",
            "ALTER TABLE thing ALTER id DROP DEFAULT, ALTER big DROP IDENTITY, ALTER big DROP NOT NULL, \
             ALTER name SET DEFAULT 'y', ALTER other TYPE bigint, ALTER other SET NOT NULL, ALTER since SET DEFAULT 1999",
            "CREATE OR REPLACE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + n'",
            "ALTER SEQUENCE lonely INCREMENT 3 NO CYCLE",
            "DROP INDEX few",
            "CREATE INDEX few ON thing (name)",
            "ALTER TABLE thing DISABLE TRIGGER shouts",
            "DROP VIEW names",
            "CREATE VIEW names AS SELECT n FROM thing",
        ],
    ),
];

impl Plugin for KindsPlugin {
    const ID: PluginId = PluginId::new("kinds");
    type Deps = (Database,);

    fn migrations() -> Migrations {
        vec![Box::new(CreateKinds)]
    }

    async fn init(self, _: Self::Deps) -> Result<()> {
        Ok(())
    }
}

struct CreateKinds;

impl MigrationName for CreateKinds {
    fn name(&self) -> &str {
        "m20260101_000001_create_kinds"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateKinds {
    async fn up(&self, manager: &SchemaManager) -> std::result::Result<(), DbErr> {
        let kinds = KINDS.iter().find(|it| it.0 == manager.get_database_backend()).unwrap();
        for sql in kinds.1 {
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }
}

/// Each kind of thing is made again by the SQL, or changed back, and is then as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_gone_is_made_again() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let root = Config::from_json(json!({ "backend": { "database": place.config } }));
        let wired = backend_defaults::backend(root, Environment::Development).plugin(KindsPlugin).check().unwrap();
        let manager = place.manager();
        let site =
            Site::new(manager.plan(KindsPlugin::ID).unwrap(), wired.migrations(KindsPlugin::ID).unwrap(), &manager);
        site.provision().await.unwrap();
        site.migrator().run().await.unwrap();
        assert_eq!(told(&compared(&site).await), "\n", "{layout:?}");
        let backend = ConnectionTrait::get_database_backend(&site.database);
        let kinds = KINDS.iter().find(|it| it.0 == backend).unwrap();
        run(&site, kinds.2).await;
        let comparison = compared(&site).await;
        assert!(!comparison.differences.is_empty(), "{layout:?}");
        run_script(&site, &comparison.sql).await;
        assert_eq!(told(&compared(&site).await), "\n", "{layout:?}: {}", comparison.sql);

        run(&site, kinds.3).await;
        let comparison = compared(&site).await;
        assert!(
            comparison.differences.len() >= if backend == DbBackend::Postgres { 5 } else { 2 },
            "{layout:?}: {comparison:?}"
        );
        run_script(&site, &comparison.sql).await;
        assert_eq!(told(&compared(&site).await), "\n", "{layout:?}: {}", comparison.sql);
        site.close().await;
    }
}
