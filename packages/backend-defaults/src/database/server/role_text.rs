//! SQL that would leave the role that a session began with, as far as its text tells. When in doubt, it would.
//!
//! It is no barrier: code that runs on the server, as in a `DO` block, can do the same and is not seen.

use crate::database::tokens::Token;

/// PostgreSQL: `SET SESSION AUTHORIZATION` changes the role too.
const SETTINGS: [&str; 2] = ["role", "session_authorization"];

/// What of the statement leaves it.
pub(super) fn leaves_role(statement: &[Token<'_>]) -> Option<&'static str> {
    let (first, rest) = statement.split_first()?;
    if calls_set_config(statement) {
        return Some("set_config");
    }
    match first.word()? {
        it if is(it, "SET") => sets_role(rest).then_some("SET ROLE"),
        it if is(it, "RESET") => match rest.first() {
            Some(what) if what.is("ALL") => Some("RESET ALL"),
            what => names_role(what, rest.get(1)).then_some("RESET ROLE"),
        },
        it if is(it, "DISCARD") => rest.first().is_some_and(|it| it.is("ALL")).then_some("DISCARD ALL"),
        // Routines can have settings.
        it if is(it, "CREATE") || is(it, "ALTER") => {
            let routine = ["FUNCTION", "PROCEDURE", "ROUTINE"];
            let of_routine = rest.iter().any(|token| routine.iter().any(|it| token.is(it)));
            let mut parts = rest.split(|it| it.is("SET")).skip(1);
            (of_routine && parts.any(sets_role)).then_some("SET ROLE")
        }
        _ => None,
    }
}

/// What comes after `SET`.
fn sets_role(rest: &[Token<'_>]) -> bool {
    let scopes = rest.iter().take_while(|it| it.is("SESSION") || it.is("LOCAL")).count();
    // `SET SESSION AUTHORIZATION`, but `SET SESSION session_authorization`.
    let rest = &rest[scopes..];
    let authorization = scopes > 0 && rest.first().is_some_and(|it| it.is("AUTHORIZATION"));
    authorization || names_role(rest.first(), rest.get(1))
}

fn names_role(token: Option<&Token<'_>>, next: Option<&Token<'_>>) -> bool {
    match token {
        Some(Token::Word(word)) if is(word, "SESSION") => next.is_some_and(|it| it.is("AUTHORIZATION")),
        // U&"...", which may mean anything.
        Some(Token::Word(word)) if is(word, "U") => true,
        Some(Token::Word(word)) => is_setting(word),
        Some(Token::Quoted(name)) => is_setting(name.trim_matches('"')),
        _ => false,
    }
}

/// With another setting than a plain text that names a harmless one.
fn calls_set_config(statement: &[Token<'_>]) -> bool {
    let is_it = |token: &Token<'_>| match token {
        Token::Word(word) => is(word, "set_config"),
        Token::Quoted(name) => *name == "\"set_config\"",
        _ => false,
    };
    let calls = statement.windows(2).enumerate().filter(|(_, it)| is_it(&it[0]) && it[1] == Token::Open);
    let mut arguments = calls.map(|(index, _)| &statement[index + 2..]);
    arguments.any(|it| !matches!(it, [Token::Quoted(text), Token::Comma, ..] if is_harmless(text)))
}

fn is_harmless(text: &str) -> bool {
    let name = text.strip_prefix('\'').and_then(|it| it.strip_suffix('\'')).unwrap_or_default();
    let plain = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '.';
    !name.is_empty() && name.chars().all(plain) && !is_setting(name)
}

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|it| is(it, name))
}

fn is(word: &str, other: &str) -> bool {
    word.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::super::text::Nature;

    fn leaves(sql: &str) -> Option<&'static str> {
        Nature::in_postgres(sql).leaves_role
    }

    #[test]
    fn what_leaves_the_role_is_told() {
        for (sql, keyword) in [
            ("SET ROLE other", "SET ROLE"),
            ("set local role none", "SET ROLE"),
            ("SET SESSION ROLE 'other'", "SET ROLE"),
            ("SET role = other", "SET ROLE"),
            ("SET LOCAL \"role\" TO other", "SET ROLE"),
            ("SET U&\"r\\006fle\" TO other", "SET ROLE"),
            ("SET SESSION AUTHORIZATION other", "SET ROLE"),
            ("SET SESSION SESSION AUTHORIZATION DEFAULT", "SET ROLE"),
            ("SET LOCAL session_authorization = other", "SET ROLE"),
            ("SELECT 1; /* c */ RESET\nROLE", "RESET ROLE"),
            ("RESET session authorization", "RESET ROLE"),
            ("RESET \"session_authorization\"", "RESET ROLE"),
            ("RESET ALL", "RESET ALL"),
            ("DISCARD ALL", "DISCARD ALL"),
            ("SELECT set_config('role', 'other', true)", "set_config"),
            ("SELECT pg_catalog.SET_CONFIG ('ROLE', 'other', true)", "set_config"),
            ("SELECT \"set_config\"('role', 'other', true)", "set_config"),
            ("SELECT set_config('ro' || 'le', 'other', true)", "set_config"),
            ("SELECT set_config('ro'\n'le', 'other', true)", "set_config"),
            ("SELECT set_config(E'r\\x6fle', 'other', true)", "set_config"),
            ("SELECT set_config($1, $2, true)", "set_config"),
            ("SELECT set_config('a.b', 'c', true), set_config('role', 'other', true)", "set_config"),
            ("CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role TO other AS 'SELECT 1'", "SET ROLE"),
            ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; RESET ROLE", "RESET ROLE"),
            ("ALTER FUNCTION f() SET a.b = 1 SET role = other", "SET ROLE"),
        ] {
            assert_eq!(leaves(sql), Some(keyword), "{sql}");
        }
        for sql in [
            "SET search_path TO x",
            "SET LOCAL a.role = 1",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "RESET search_path",
            "DISCARD TEMP",
            "UPDATE t SET role = 'admin' WHERE role = $1",
            "INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET role = 'x'",
            "SELECT 'SET ROLE other; RESET ROLE'",
            "SELECT set_config('a.b', $1, true)",
            "SELECT role, set_config FROM t",
            "CREATE TABLE role (role text)",
            "ALTER TABLE t ALTER COLUMN role SET DEFAULT 'x'",
            "",
        ] {
            assert_eq!(leaves(sql), None, "{sql}");
        }
    }
}
