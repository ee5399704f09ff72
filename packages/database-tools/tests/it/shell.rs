//! The programs are really run.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;

use database_tools::Site;
use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{MariaDb, MariaDbOptions, PgBouncer, Postgres, PostgresOptions, SqlServer as _, Tls};
use tokio::task::spawn_blocking;

use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE, site};

/// What a program with these arguments says, on both outputs.
async fn said(site: &Site, arguments: &[&str]) -> String {
    said_with(site, arguments, None).await
}

async fn said_with(site: &Site, arguments: &[&str], options: Option<&str>) -> String {
    let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
    let shell = site.shell(&arguments, std::env::var_os("PATH"), options.map(str::to_owned)).await.unwrap();
    let mut command = shell.command;
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap().trim().to_owned()
}

const WHERE: [&str; 3] = ["-Atc", "SELECT current_schema(), current_user, current_database()", "-X"];
/// The arguments of the program that runs this.
const OWN_ARGUMENTS: &str = "tr '\\0' ' ' < /proc/$PPID/cmdline";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_where_the_tables_are_and_its_arguments_have_no_password() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = place.site(SAMPLE);
        site.provision().await.unwrap();
        site.migrator().run().await.unwrap();
        let seed = "SELECT value FROM settings";
        let shown = match layout {
            Layout::Files => {
                assert_eq!(said(&site, &[seed]).await, "by a migration");
                assert_eq!(said(&site, &["PRAGMA foreign_keys"]).await, "1");
                said(&site, &[&format!(".shell {OWN_ARGUMENTS}")]).await
            }
            Layout::Postgres | Layout::PostgresSchema => {
                assert_eq!(said(&site, &["-XAtc", seed]).await, "by a migration");
                let (database, schema) = match layout {
                    Layout::Postgres => (format!("{}sample", place.config["prefix"].as_str().unwrap()), "public"),
                    _ => (place.config["connection"]["database"].as_str().unwrap().to_owned(), "sample"),
                };
                let user = place.config["connection"]["user"].as_str().unwrap();
                assert_eq!(said(&site, &WHERE).await, format!("{schema}|{user}|{database}"));
                said(&site, &["-Xc", &format!("\\! {OWN_ARGUMENTS}")]).await
            }
            Layout::MySql => {
                assert_eq!(said(&site, &["-Ne", seed]).await, "by a migration");
                said(&site, &["-e", &format!("\\! {OWN_ARGUMENTS}")]).await
            }
        };
        assert!(shown.contains("/proc/"), "{layout:?}: {shown}");
        if let Some(password) = place.config["connection"]["password"].as_str() {
            assert!(!shown.contains(password) && !shown.contains("secret") && !shown.contains("super"), "{shown}");
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_by_every_way() {
    let place = Place::new(Layout::PostgresSchema).await;
    let first = place.site(SAMPLE);
    first.provision().await.unwrap();
    first.close().await;
    let server = spawn_blocking(Postgres::shared).await.unwrap().unwrap();
    let connection = &place.config["connection"];
    let (port, socket) = (server.port(), server.socket());
    let file = place.folder.path().join("password");
    std::fs::write(&file, format!("{}\n", connection["password"].as_str().unwrap())).unwrap();
    let cat = format!("cat {}", file.display());
    let user = connection["user"].as_str().unwrap();
    let expected = format!("sample|{user}|{}", connection["database"].as_str().unwrap());
    let ways = [
        json!({ "host": socket }),
        json!({ "host": "db.test", "hostaddr": "127.0.0.1" }),
        json!({ "host": "127.0.0.1,127.0.0.1", "port": format!("1,{port}") }),
        json!({ "host": "127.0.0.1", "options": "-c statement_timeout=77s" }),
        json!({ "passwordCommand": cat, "password": null }),
    ];
    for way in ways {
        let mut config = place.config.clone();
        for (key, value) in way.as_object().unwrap() {
            match value {
                Value::Null => drop(config["connection"].as_object_mut().unwrap().remove(key)),
                value => config["connection"][key] = value.clone(),
            }
        }
        let site = site(&config, SAMPLE);
        assert_eq!(said(&site, &WHERE).await, expected, "{way}");
        if way["options"].is_string() {
            assert_eq!(said(&site, &["-XAtc", "SHOW statement_timeout"]).await, "77s");
        }
        // What the environment says is kept, and the plan has the last word.
        let options = Some("-c search_path=elsewhere -c work_mem=3MB");
        let shown = said_with(&site, &["-XAtc", "SELECT current_schema()", "-c", "SHOW work_mem"], options).await;
        assert_eq!(shown, "sample\n3MB", "{way}");
        site.close().await;
    }
}

/// A pooler refuses settings when it is connected to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_through_a_pooler_and_past_it() {
    let place = Place::new(Layout::PostgresSchema).await;
    let first = place.site(SAMPLE);
    first.provision().await.unwrap();
    first.close().await;
    let server = spawn_blocking(Postgres::shared).await.unwrap().unwrap();
    let pooler = spawn_blocking(|| PgBouncer::start(server, 2)).await.unwrap().unwrap();
    let connection = &place.config["connection"];
    let user = connection["user"].as_str().unwrap();
    let database = connection["database"].as_str().unwrap();
    let mut config = place.config.clone();
    config["connection"]["port"] = pooler.port().into();
    config["pooler"] = "transaction".into();
    (config["ensureExists"], config["migrations"]) = (false.into(), "wait".into());
    let through = site(&config, SAMPLE);
    assert_eq!(said(&through, &WHERE).await, format!("public|{user}|{database}"));
    let note = through.shell(&[], std::env::var_os("PATH"), None).await.unwrap().note.unwrap();
    assert!(note.contains("SET LOCAL search_path"), "{note}");
    through.close().await;
    config["migrationConnection"] = json!({ "host": connection["host"], "port": connection["port"] });
    let past = site(&config, SAMPLE);
    assert_eq!(said(&past, &WHERE).await, format!("sample|{user}|{database}"));
    assert_eq!(past.shell(&[], std::env::var_os("PATH"), None).await.unwrap().note, None);
    past.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_as_the_role_of_the_plugin() {
    let mut place = Place::new(Layout::Postgres).await;
    place.config["isolation"] = "role".into();
    let site = place.site(SAMPLE);
    site.provision().await.unwrap();
    let role = format!("{}sample", place.config["prefix"].as_str().unwrap());
    assert_eq!(said(&site, &WHERE).await, format!("public|{role}|{role}"));
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_postgres_runs_for_as_long_as_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let directory = folder.path().join("postgres");
    let config = json!({ "client": "embedded-postgres", "connection": { "directory": directory } });
    let made = site(&config, SAMPLE);
    made.provision().await.unwrap();
    made.close().await;
    assert!(!directory.join("data/postmaster.pid").exists());
    let site = site(&config, SAMPLE);
    assert_eq!(said(&site, &WHERE).await, "public|postgres|backstage_plugin_sample");
    assert!(directory.join("data/postmaster.pid").exists());
    site.close().await;
    assert!(!directory.join("data/postmaster.pid").exists());
}

/// A certificate and its key.
fn certificate() -> (String, Tls) {
    let made = rcgen::generate_simple_self_signed(["db.test".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let tls = Tls {
        certificate: certificate.clone(),
        key: made.signing_key.serialize_pem(),
        client_ca: Some(certificate.clone()),
    };
    (certificate, tls)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_encrypted() {
    let (certificate, tls) = certificate();
    let options = PostgresOptions { tls: Some(tls.clone()), ..PostgresOptions::default() };
    let server = spawn_blocking(move || Postgres::start(&options)).await.unwrap().unwrap();
    let address = server.address();
    // The key is in a file that others may read, as mounted ones are.
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, &tls.key).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let connection = json!({
        "host": "db.test", "hostaddr": "127.0.0.1", "port": address.port(), "user": address.user(),
        "password": address.password(), "ssl": { "ca": certificate, "cert": certificate, "key": tls.key },
    });
    let config = |connection: &Value| json!({ "client": "pg", "connection": connection });
    let made = site(&config(&connection), SAMPLE);
    made.provision().await.unwrap();
    let query = ["-XAtc", "SELECT ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"];
    let shown = said(&made, &query).await;
    assert!(shown.starts_with("t|/CN=rcgen"), "{shown}");
    made.close().await;
    let by_files = json!({
        "host": "db.test", "hostaddr": "127.0.0.1", "port": address.port(), "user": address.user(),
        "password": address.password(), "sslmode": "verify-full",
        "sslrootcert": file(&folder, "root.crt", &certificate), "sslcert": file(&folder, "cert", &certificate), "sslkey": key,
    });
    let others = site(&config(&by_files), SAMPLE);
    assert!(said(&others, &query).await.starts_with("t|/CN=rcgen"));
    others.close().await;
    let mut wrong = by_files.clone();
    wrong["host"] = "other.test".into();
    let wrong = site(&config(&wrong), SAMPLE);
    let refused = said(&wrong, &query).await;
    assert!(refused.contains("does not match host name \"other.test\""), "{refused}");
    wrong.close().await;
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_by_every_way() {
    let (certificate, tls) = certificate();
    let options = MariaDbOptions { tls: Some(tls), ..MariaDbOptions::default() };
    let server = spawn_blocking(move || MariaDb::start(&options)).await.unwrap().unwrap();
    let address = server.address().clone();
    let password = r##"a b#c"d'\e"##;
    let sql = format!(
        "CREATE USER odd@'%' IDENTIFIED BY '{}'; GRANT ALL ON *.* TO odd@'%'",
        password.replace('\\', "\\\\").replace('\'', "''")
    );
    let sql_address = address.clone();
    spawn_blocking(move || sql_address.sql(&sql)).await.unwrap().unwrap();
    let tcp = json!({ "host": "localhost", "port": address.port(), "user": "odd", "password": password });
    let with = |key: &str, value: Value| {
        let mut connection = tcp.clone();
        connection[key] = value;
        connection
    };
    let made = site(&json!({ "client": "mysql2", "connection": tcp }), SAMPLE);
    made.provision().await.unwrap();
    made.close().await;
    let socket = json!({ "socketPath": address.socket(), "user": "odd", "password": password });
    let ways = [
        (tcp.clone(), None),
        (socket, None),
        (with("ssl", json!({ "rejectUnauthorized": false })), Some(true)),
        (with("ssl", json!({ "ca": certificate })), Some(true)),
    ];
    for (connection, is_encrypted) in ways {
        let site = site(&json!({ "client": "mysql2", "connection": connection }), SAMPLE);
        let query = "SELECT current_user(), database(); SHOW STATUS LIKE 'Ssl_cipher'";
        let shown = said(&site, &["-Ne", query]).await;
        assert!(shown.starts_with("odd@%\tbackstage_plugin_sample\n"), "{connection}: {shown}");
        if is_encrypted == Some(true) {
            assert!(shown.contains("Ssl_cipher\tTLS"), "{connection}: {shown}");
        }
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let why = async |config: Value, path: Option<OsString>| {
        let site = site(&config, SAMPLE);
        let error = site.shell(&[], path, None).await.unwrap_err();
        error.to_string().replace(&folder.path().display().to_string(), "<folder>")
    };
    let path = || std::env::var_os("PATH");
    assert_snapshot!(why(json!({}), path()).await, @"the database is in memory, in the backend that runs: there is nothing to open");
    let files = json!({ "connection": { "directory": folder.path() } });
    assert_snapshot!(why(files.clone(), path()).await, @"there is no file `<folder>/sample.sqlite` yet: `backend db create` makes it");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was made");
    let nowhere = || Some(folder.path().as_os_str().to_owned());
    assert_snapshot!(why(files, nowhere()).await, @"`sqlite3` is not on the `PATH`: install `sqlite3` (Debian, Ubuntu) or `sqlite` (Fedora, Alpine, Homebrew)");
    let connection = json!({ "host": "127.0.0.1", "user": "u" });
    assert_snapshot!(why(json!({ "client": "pg", "connection": connection }), nowhere()).await, @"`psql` is not on the `PATH`: install `postgresql-client` (Debian, Ubuntu, Alpine), `postgresql` (Fedora) or `libpq` (Homebrew)");
    assert_snapshot!(why(json!({ "client": "mysql2", "connection": connection }), nowhere()).await, @"`mysql` is not on the `PATH`: install `default-mysql-client` (Debian, Ubuntu), `mariadb-client` (Alpine), `mariadb` (Fedora) or `mysql-client` (Homebrew)");
}
