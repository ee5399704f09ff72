use super::reads::only_reads;
use super::role_text::leaves_role;
use crate::database::tokens::{Quoting, Token, Tokens};

/// What a piece of SQL may do to its connection, as far as its text tells. When in doubt, more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nature<'s> {
    /// What of it may leave something behind: a setting, a lock, a temporary table, an open transaction.
    pub(super) leaves_state: Option<&'s str>,
    /// It ends the transaction that it is in.
    pub(super) ends_transaction: Option<&'static str>,
    /// It is one statement that does nothing but read: it may be run twice.
    pub(super) only_reads: bool,
    /// PostgreSQL: it leaves the role that the session began with.
    pub(super) leaves_role: Option<&'static str>,
}

impl<'s> Nature<'s> {
    pub(super) fn in_postgres(sql: &'s str) -> Self {
        Self::of(sql, Quoting::Postgres, ends_in_postgres, leaves_in_postgres)
    }

    pub(super) fn in_mysql(sql: &'s str) -> Self {
        Self::of(sql, Quoting::MySql, ends_in_mysql, leaves_in_mysql)
    }

    fn of(
        sql: &'s str,
        quoting: Quoting,
        ends: fn(OfStatement<'s, '_>) -> Option<&'static str>,
        leaves: fn(OfStatement<'s, '_>) -> Option<&'s str>,
    ) -> Self {
        let tokens: Vec<_> = Tokens { sql, quoting }.collect();
        let mut nature = Self { only_reads: only_reads(&tokens), ..Self::default() };
        let mut in_body = false;
        for statement in tokens.split(|it| *it == Token::Semicolon) {
            if quoting == Quoting::Postgres {
                nature.leaves_role = nature.leaves_role.or_else(|| leaves_role(statement));
            }
            // The rest may be of a routine's body.
            if in_body {
                continue;
            }
            let first = statement.first().and_then(Token::word).unwrap_or_default();
            let ends = ends((first, statement));
            nature.ends_transaction = nature.ends_transaction.or(ends);
            let leaves = || leaves((first, statement)).or(ends.map(|_| first));
            nature.leaves_state = nature.leaves_state.or_else(leaves);
            in_body = is(first, "CREATE") && has_body(statement);
        }
        nature
    }
}

/// The first word, and all tokens.
type OfStatement<'s, 't> = (&'s str, &'t [Token<'s>]);

fn ends_in_postgres((first, statement): OfStatement<'_, '_>) -> Option<&'static str> {
    if is_any(first, &["COMMIT", "END"]) || (is(first, "PREPARE") && second_is(statement, &["TRANSACTION"])) {
        return Some("COMMIT");
    }
    (is_any(first, &["ABORT", "ROLLBACK"]) && !has(statement, "TO")).then_some("ROLLBACK")
}

fn ends_in_mysql((first, statement): OfStatement<'_, '_>) -> Option<&'static str> {
    if is(first, "COMMIT") {
        return Some("COMMIT");
    }
    if is(first, "ROLLBACK") && !has(statement, "TO") {
        return Some("ROLLBACK");
    }
    // Commits the one before.
    (is(first, "BEGIN") || (is(first, "START") && second_is(statement, &["TRANSACTION"]))).then_some("BEGIN")
}

/// The first words of statements after which a connection is not as before.
const LEAVING_IN_POSTGRES: [&str; 10] =
    ["BEGIN", "DEALLOCATE", "DISCARD", "DO", "LISTEN", "LOAD", "PREPARE", "RESET", "START", "UNLISTEN"];
/// The beginnings of functions' names.
const LEAVING_FUNCTIONS: [&str; 6] =
    ["dblink_connect", "get_lock", "pg_advisory_lock", "pg_try_advisory_lock", "set_config", "setseed"];
const LEAVING_IN_MYSQL: [&str; 9] =
    ["DEALLOCATE", "FLUSH", "HANDLER", "LOCK", "PREPARE", "START", "UNLOCK", "USE", "XA"];

fn leaves_in_postgres<'s>((first, statement): OfStatement<'s, '_>) -> Option<&'s str> {
    // These hold in the transaction alone.
    let sets = is(first, "SET") && !second_is(statement, &["CONSTRAINTS", "LOCAL", "TRANSACTION"]);
    let holds = is(first, "DECLARE") && has(statement, "HOLD");
    let into_temporary = statement.windows(3).filter(|it| it[0].is("INTO"));
    let into_temporary = into_temporary.flat_map(|it| &it[1..]).find(|it| is_temporary(it)).and_then(Token::word);
    let first = (sets || holds || is_any(first, &LEAVING_IN_POSTGRES)).then_some(first);
    first.or(into_temporary).or_else(|| makes_temporary(statement)).or_else(|| calls_leaving(statement))
}

fn leaves_in_mysql<'s>((first, statement): OfStatement<'s, '_>) -> Option<&'s str> {
    let sets = is(first, "SET") && !second_is(statement, &["STATEMENT"]);
    let into_variable = statement.windows(2).any(|it| it[0].is("INTO") && it[1] == Token::At);
    let assigns = into_variable || statement.contains(&Token::Assign);
    let first = (sets || assigns || is_any(first, &LEAVING_IN_MYSQL)).then_some(first);
    first.or_else(|| makes_temporary(statement)).or_else(|| calls_leaving(statement))
}

/// One that is dropped with its transaction is not left.
fn makes_temporary<'s>(statement: &[Token<'s>]) -> Option<&'s str> {
    let what = |it: &&Token<'_>| ["SEQUENCE", "TABLE", "VIEW"].iter().any(|word| it.is(word));
    let creates = statement.first().is_some_and(|it| it.is("CREATE"));
    let dropped = statement.windows(2).any(|it| it[0].is("COMMIT") && it[1].is("DROP"));
    let mut before = statement.iter().take_while(|it| !what(it)).filter(|_| creates && !dropped);
    before.find(|it| is_temporary(it)).and_then(Token::word)
}

fn is_temporary(token: &Token<'_>) -> bool {
    token.is("TEMP") || token.is("TEMPORARY")
}

fn calls_leaving<'s>(statement: &[Token<'s>]) -> Option<&'s str> {
    let begins = |name: &str, with: &str| name.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
    let leaves = |name: &str| LEAVING_FUNCTIONS.iter().any(|it| begins(name, it));
    statement.windows(2).enumerate().find_map(|(index, it)| {
        let name = it[0].word().filter(|name| it[1] == Token::Open && leaves(name))?;
        let local = is(name, "set_config") && is_local(&statement[index + 2..]);
        (!local).then_some(name)
    })
}

/// `set_config('name', $1, true)`: no other words are in it but numbers.
fn is_local(arguments: &[Token<'_>]) -> bool {
    let mut words = arguments.iter().filter_map(Token::word);
    words.find(|it| !it.starts_with(|c: char| c.is_ascii_digit())).is_some_and(|it| is(it, "TRUE"))
}

fn has_body(statement: &[Token<'_>]) -> bool {
    let kinds = ["EVENT", "FUNCTION", "PACKAGE", "PROCEDURE", "TRIGGER"];
    statement.iter().any(|it| kinds.iter().any(|kind| it.is(kind)))
}

fn has(statement: &[Token<'_>], word: &str) -> bool {
    statement.iter().any(|it| it.is(word))
}

fn second_is(statement: &[Token<'_>], words: &[&str]) -> bool {
    statement.get(1).and_then(Token::word).is_some_and(|it| is_any(it, words))
}

fn is(word: &str, other: &str) -> bool {
    word.eq_ignore_ascii_case(other)
}

fn is_any(word: &str, others: &[&str]) -> bool {
    others.iter().any(|it| is(word, it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(nature: Nature<'_>) -> bool {
        nature.leaves_state.is_some()
    }

    #[test]
    fn what_leaves_state_in_postgresql_is_told() {
        for sql in [
            "set search_path to x",
            "SET ROLE other",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "RESET ALL",
            "SELECT 1; listen c",
            "SELECT pg_catalog.pg_advisory_lock(1)",
            "SELECT pg_try_advisory_lock_shared (1)",
            "SELECT set_config('a.b', 'c', false)",
            "CREATE TEMP TABLE t (x int)",
            "create or replace temporary view v as select 1",
            "SELECT * INTO LOCAL TEMP t FROM u",
            "SELECT E'\\'; '; BEGIN",
            "DO $$ BEGIN SET a.b = 1; END $$",
            "/* /* nested */ */ LISTEN c",
            "-- c\nPREPARE a AS SELECT 1",
            "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
            "SELECT set_config('a.b', $1, true), set_config('a.c', $2, false)",
            "SELECT set_config('a.b', c, true) FROM t",
        ] {
            assert!(leaves(Nature::in_postgres(sql)), "{sql}");
        }
        for sql in [
            "SET LOCAL a.b = 1",
            "set constraints all deferred",
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT set_config('a.b', $1, true), set_config('a.c', 'd', TRUE)",
            "DECLARE c CURSOR FOR SELECT 1",
            "CREATE TEMP TABLE t (x int) ON COMMIT DROP",
            "UPDATE t SET x = 1 WHERE a = $1 AND b = $2",
            "SELECT 'it''s; SET x = 1'",
            "SELECT $a$; LISTEN c; $b$; $a$",
            "SELECT \"a; LISTEN\"",
            "SELECT e'\\'; LISTEN c'",
            "CREATE TABLE temp (set int)",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
            "SAVEPOINT a; ROLLBACK TO a; RELEASE a",
            "",
            "/* unfinished",
        ] {
            assert!(!leaves(Nature::in_postgres(sql)), "{sql}");
        }
    }

    #[test]
    fn what_leaves_state_in_mysql_is_told() {
        for sql in [
            "SET @a = 1",
            "set sql_mode = ''",
            "USE other",
            "SELECT GET_LOCK('a', 1)",
            "SELECT @a := 1",
            "SELECT 1 INTO @a",
            "LOCK TABLES t WRITE",
            "CREATE TEMPORARY TABLE t (x int)",
            "/*!40101 SET NAMES latin1 */",
            "SELECT 5--1\n; USE other",
            "SELECT 'it\\'s'; USE other",
        ] {
            assert!(leaves(Nature::in_mysql(sql)), "{sql}");
        }
        for sql in [
            "SELECT '\\'; USE other'",
            "SELECT `; USE other`",
            "# USE other",
            "-- USE other",
            "/* ; USE other */ SELECT 1",
            "UPDATE t SET x = 1",
            "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.x = 1; COMMIT; END",
            "SET STATEMENT max_statement_time = 1 FOR SELECT 1",
        ] {
            assert!(!leaves(Nature::in_mysql(sql)), "{sql}");
        }
    }

    #[test]
    fn what_of_a_text_leaves_something_is_named() {
        for (sql, keyword) in [
            ("SELECT 1; set search_path to x", "set"),
            ("SELECT a, pg_advisory_lock(1)", "pg_advisory_lock"),
            ("CREATE LOCAL TEMP TABLE t (x int)", "TEMP"),
            ("SELECT 1 INTO TEMPORARY t", "TEMPORARY"),
            ("COMMIT", "COMMIT"),
        ] {
            assert_eq!(Nature::in_postgres(sql).leaves_state, Some(keyword), "{sql}");
        }
    }

    #[test]
    fn what_ends_a_transaction_is_told() {
        let ends = |nature: Nature<'_>| nature.ends_transaction;
        assert_eq!(ends(Nature::in_postgres("SELECT 1; commit")), Some("COMMIT"));
        assert_eq!(ends(Nature::in_postgres(" end")), Some("COMMIT"));
        assert_eq!(ends(Nature::in_postgres("ABORT")), Some("ROLLBACK"));
        assert_eq!(ends(Nature::in_postgres("PREPARE TRANSACTION 'a'")), Some("COMMIT"));
        assert_eq!(ends(Nature::in_postgres("ROLLBACK WORK TO SAVEPOINT a")), None);
        assert_eq!(ends(Nature::in_postgres("DO $$ BEGIN COMMIT; END $$")), None);
        assert_eq!(ends(Nature::in_mysql("START TRANSACTION")), Some("BEGIN"));
        assert_eq!(ends(Nature::in_mysql("rollback work")), Some("ROLLBACK"));
        assert_eq!(ends(Nature::in_mysql("ROLLBACK TO a")), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in ".*", mixed in "[-/*!$a'\"\\\\`e;# \n]*") {
            for text in [text, mixed] {
                Nature::in_postgres(&text);
                Nature::in_mysql(&text);
            }
        }

        #[test]
        fn what_is_quoted_says_nothing(text in ".*") {
            let quoted = format!("SELECT '{}'", text.replace('\'', "''"));
            let leaving = format!("{quoted}; LISTEN c");
            proptest::prop_assert!(!leaves(Nature::in_postgres(&quoted)) && leaves(Nature::in_postgres(&leaving)));
            let quoted = format!("SELECT '{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
            let leaving = format!("{quoted}; USE c");
            proptest::prop_assert!(!leaves(Nature::in_mysql(&quoted)) && leaves(Nature::in_mysql(&leaving)));
        }
    }
}
