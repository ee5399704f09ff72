use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{Postgres, PostgresOptions, SqlServer};

use super::{Place, run};
use crate::process::Home;

#[test]
fn there_are_none() {
    let place = Place::files();
    place.make();
    let (code, stdout, stderr) = place.db(&["orphans"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_snapshot!(stdout, @"there are no orphans");
    let (code, stdout, stderr) = place.db(&["orphans", "--drop"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_snapshot!(stdout, @"there are no orphans to drop");
}

/// On a server of its own, as others leave orphans on the one that is shared.
#[test]
fn they_are_shown_and_dropped() {
    let server = Postgres::start(&PostgresOptions::default()).unwrap();
    let address = server.address();
    address
        .sql(
            "CREATE DATABASE portal;\n\
             CREATE DATABASE backstage_plugin_old;\n\
             COMMENT ON DATABASE backstage_plugin_old IS 'made by greenroom 0.1.0 for plugin old';\n\
             CREATE DATABASE other_old;\n\
             COMMENT ON DATABASE other_old IS 'made by greenroom 0.1.0 for plugin old';\n\
             CREATE DATABASE backstage_plugin_theirs;\n\
             CREATE ROLE backstage_plugin_old;\n\
             COMMENT ON ROLE backstage_plugin_old IS 'made by greenroom 0.1.0 for plugin old';\n\
             ALTER DATABASE backstage_plugin_old OWNER TO backstage_plugin_old",
        )
        .unwrap();
    address
        .sql_in(
            "portal",
            "CREATE SCHEMA old; COMMENT ON SCHEMA old IS 'made by greenroom 0.1.0 for plugin old'; \
             CREATE TABLE old.a AS SELECT 1 AS x; CREATE SCHEMA theirs",
        )
        .unwrap();
    let config = json!({ "backend": { "database": {
        "client": "pg", "pluginDivisionMode": "schema",
        "connection": { "host": address.host(), "port": address.port(), "user": address.user(),
            "password": address.password(), "database": "portal" },
    } } });
    let home = Home::with_config(&config.to_string());
    let db = |args: &[&str]| {
        let (code, stdout, stderr) = run(&mut home.command(), args);
        let plain = |it: String| it.replace(&format!("127.0.0.1:{}", address.port()), "127.0.0.1:00000");
        (code, plain(stdout), plain(stderr))
    };
    let sizes = |text: String| {
        let words =
            text.split(' ').map(|it| it.parse::<f64>().map_or(it, |_| if it.contains('.') { "9.99" } else { it }));
        words.collect::<Vec<_>>().join(" ")
    };
    let (code, stdout, stderr) = db(&["orphans"]);
    assert_eq!((code, stderr.as_str()), (Some(3), ""));
    assert_snapshot!(sizes(stdout), @"
    what      server           database  name                  plugin  why                    size  rows  connections
    database  127.0.0.1:00000  -         backstage_plugin_old  old     not installed      9.99 MiB     0            0
    database  127.0.0.1:00000  -         other_old             old     of another prefix         -     -            -
    role      127.0.0.1:00000  -         backstage_plugin_old  old     not installed             -     -            -
    schema    127.0.0.1:00000  portal    old                   old     not installed      9.99 KiB     1            0
    ");
    let (code, stdout, stderr) = db(&["orphans", "--drop"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert_snapshot!(sizes(stderr), @"
    to be destroyed, but for what is of another prefix:

    what      server           database  name                  plugin  why                    size  rows  connections
    database  127.0.0.1:00000  -         backstage_plugin_old  old     not installed      9.99 MiB     0            0
    database  127.0.0.1:00000  -         other_old             old     of another prefix         -     -            -
    role      127.0.0.1:00000  -         backstage_plugin_old  old     not installed             -     -            -
    schema    127.0.0.1:00000  portal    old                   old     not installed      9.99 KiB     1            0

    error: nobody is there to be asked: `--yes` says that it is meant
    ");

    // What is refused keeps all where they are.
    address.sql_in("portal", "CREATE VIEW public.v AS SELECT * FROM old.a").unwrap();
    let (code, _, stderr) = db(&["orphans", "--drop", "--yes"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"
    error: what is outside of the schema `old` of `portal` depends on it: `rule _RETURN on view public.v`; drop that first, if it may go
    nothing was done
    ");
    address.sql_in("portal", "DROP VIEW public.v").unwrap();
    let (code, ..) = run(home.command().env("BACKSTAGE_ENV", "production"), &["orphans", "--drop", "--yes"]);
    assert_eq!(code, Some(1));

    let (code, stdout, _) = db(&["orphans", "--drop", "--yes"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(stdout, @"
    dropped the database `backstage_plugin_old`
    dropped the schema `old` of `portal`
    dropped the role `backstage_plugin_old`
    ");
    let (code, stdout, _) = db(&["orphans", "--json"]);
    assert_eq!(code, Some(0));
    let left: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(left["orphans"].as_array().unwrap().len(), 1);
    assert_eq!(left["orphans"][0]["name"], "other_old");
    let databases = address.sql("SELECT datname FROM pg_database WHERE datname LIKE '%\\_%' ORDER BY 1").unwrap();
    assert_eq!(databases, "backstage_plugin_theirs\nother_old");
}
