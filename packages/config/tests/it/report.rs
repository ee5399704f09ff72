use config::Sources;
use insta::assert_snapshot;
use serde::Deserialize;

use crate::{load_files, load_sources, load_with, short};

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only its errors matter")]
struct Database {
    client: Client,
    connection: Connection,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Client {
    Pg,
    Sqlite,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only its errors matter")]
struct Connection {
    host: String,
    port: u16,
    password: u64,
    ssl: bool,
}

const DATABASE: &str = "backend:
  listen: ':7007'

  database:
    client: pgg
    connection:
      # where it is
      host: ${POSTGRES_HOST}

      port: ${POSTGRES_PORT}
      password: hunter2
      ssl: hunter3
";

#[test]
fn the_display_is_one_line_for_each_mistake() {
    let errors = load_with(DATABASE, &[("POSTGRES_PORT", "abc")]).read::<Database>("backend.database").unwrap_err();
    assert_snapshot!(short(&errors), @r#"
    app-config.yaml:5:13 `backend.database.client`: expected `pg` or `sqlite`, got "pgg", did you mean `pg`?
    app-config.yaml:8:13 `backend.database.connection.host`: is not set, because the environment variable `POSTGRES_HOST` is not set
    app-config.yaml:10:13 `backend.database.connection.port`: expected a number, got "abc" (from POSTGRES_PORT)
    app-config.yaml:11:17 `backend.database.connection.password`: expected a number, got a string
    app-config.yaml:12:12 `backend.database.connection.ssl`: expected a boolean, got a string
    "#);
}

#[test]
fn the_report_underlines_the_value_and_shows_no_secret() {
    let errors = load_with(DATABASE, &[("POSTGRES_PORT", "abc")]).read::<Database>("backend.database").unwrap_err();
    let report = short(errors.report(false));
    assert_snapshot!(report, @r#"
     × app-config.yaml:5:13 `backend.database.client`: expected `pg` or `sqlite`, got "pgg", did you mean `pg`?
      ╭────
    5 │     client: pgg
      ·             ───
      ╰────

     × app-config.yaml:8:13 `backend.database.connection.host`: is not set, because the environment variable `POSTGRES_HOST` is not set
      ╭────
    8 │       host: ${POSTGRES_HOST}
      ·             ────────────────
      ╰────

     × app-config.yaml:10:13 `backend.database.connection.port`: expected a number, got "abc" (from POSTGRES_PORT)
       ╭────
    10 │       port: ${POSTGRES_PORT}
       ·             ────────────────
       ╰────

     × app-config.yaml:11:17 `backend.database.connection.password`: expected a number, got a string

     × app-config.yaml:12:12 `backend.database.connection.ssl`: expected a boolean, got a string
    "#);
    assert!(!report.contains("hunter") && !report.contains('\u{1b}'));
    assert!(errors.report(true).contains('\u{1b}'));
}

#[test]
fn a_line_with_a_secret_on_it_is_not_drawn() {
    let text = "c: {connection: {host: h, port: abc, password: hunter2, ssl: true}, client: pg}\n";
    let errors = load_with(text, &[]).read::<Database>("c").unwrap_err();
    assert_snapshot!(short(errors.report(false)), @r#"
    × app-config.yaml:1:33 `c.connection.port`: expected a number, got "abc"

    × app-config.yaml:1:48 `c.connection.password`: expected a number, got a string
    "#);
}

#[test]
fn broken_yaml_beside_secrets_is_not_drawn() {
    let report = |text: &str| short(load_files(&[("app-config.yaml", text)], &[]).unwrap_err().report(false));
    for text in [
        "a:\n  password: 'hunter2\n",
        "a:\n  token: [hunter2\nb: 1",
        "a:\n  key: |\n    -----BEGIN\nhunter2: [\n",
        "connection:\n  x: 1\n    hunter2: }\n",
        "a: }postgres://u:hunter2@h\n",
    ] {
        assert!(!report(text).contains("hunter2"), "{}", report(text));
    }
    assert_snapshot!(report("app:\n  title: x\n   sub: y\n"), @"
     × app-config.yaml:3:7: is not valid YAML: mapping values are not allowed in this context
      ╭────
    3 │    sub: y
      ·       ─
      ╰────
    ");
}

#[test]
fn a_file_that_is_not_there_needs_no_line() {
    let errors = load_sources(&Sources::files(["app-config.none.yaml"]), &[]).unwrap_err();
    assert_snapshot!(errors.report(false), @"  × app-config.none.yaml: no such file");
}

#[test]
fn texts_of_readers_do_not_give_secrets_away() {
    #[derive(Debug)]
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("`{text}` is not nice")))
        }
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its errors matter")]
    struct Section {
        name: Picky,
        token: Picky,
        url: Picky,
    }
    let text = "name: ${N}\ntoken: ${T}\nurl: https://me:hunter2@host\n";
    let errors = load_with(text, &[("N", "nobody"), ("T", "hunter2")]).read::<Section>("").unwrap_err();
    assert_snapshot!(short(errors), @r"
    app-config.yaml:1:7 `name`: `nobody` is not nice (from N)
    app-config.yaml:2:8 `token`: `********` is not nice (from T)
    app-config.yaml:3:6 `url`: `********` is not nice
    ");
}

#[test]
fn a_line_that_fills_the_screen_is_not_drawn() {
    let text = format!("a: [{}\n", "[".repeat(10_000));
    let text = short(load_files(&[("app-config.yaml", &text)], &[]).unwrap_err().report(false));
    assert_eq!((text.lines().count(), text.len() < 200), (1, true), "{text}");
}
