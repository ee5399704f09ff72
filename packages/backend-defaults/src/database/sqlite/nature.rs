use crate::database::tokens::{Quoting, Token, Tokens};

/// What a piece of SQL may do, as far as its text tells. When in doubt, more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nature {
    /// It is one statement, and changes nothing.
    pub(super) reads_only: bool,
    /// It may leave something behind in its connection: an open transaction, a setting, a temporary
    /// table.
    pub(super) leaves_state: bool,
    /// It ends a transaction: `COMMIT` or `ROLLBACK`.
    pub(super) ends_transaction: Option<&'static str>,
}

impl Nature {
    pub(super) fn of(sql: &str) -> Self {
        let tokens: Vec<_> = Tokens { sql, quoting: Quoting::Sqlite }.collect();
        let mut nature = Self { reads_only: reads_only(&tokens), ..Self::default() };
        for (index, statement) in tokens.split(|it| *it == Token::Semicolon).enumerate() {
            let Some(Token::Word(first)) = statement.first() else { continue };
            let second = statement.get(1).and_then(Token::word).unwrap_or_default();
            let is = |word: &str| first.eq_ignore_ascii_case(word);
            let to_savepoint = || statement.iter().any(|it| it.is("TO"));
            // A later `END` may be a trigger's.
            if is("COMMIT") || (is("END") && index == 0) {
                nature.ends_transaction = Some("COMMIT");
            } else if is("ROLLBACK") && !to_savepoint() {
                nature.ends_transaction = Some("ROLLBACK");
            }
            let temporary = || is("CREATE") && ["TEMP", "TEMPORARY"].iter().any(|it| second.eq_ignore_ascii_case(it));
            nature.leaves_state |= LEAVING.iter().any(|it| is(it)) || temporary();
        }
        nature
    }
}

/// The first words of statements after which a connection is not as before.
const LEAVING: [&str; 9] = ["ATTACH", "BEGIN", "COMMIT", "DETACH", "END", "PRAGMA", "RELEASE", "ROLLBACK", "SAVEPOINT"];

/// Functions that tell of the connection's last write, so that only the writer knows them.
const OF_WRITER: [&str; 3] = ["CHANGES", "LAST_INSERT_ROWID", "TOTAL_CHANGES"];

fn reads_only(tokens: &[Token<'_>]) -> bool {
    let Some(first) = tokens.first() else { return false };
    let several = tokens.iter().skip_while(|it| **it != Token::Semicolon).any(|it| *it != Token::Semicolon);
    let of_writer = tokens.windows(2).any(|it| OF_WRITER.iter().any(|word| it[0].is(word)) && it[1] == Token::Open);
    if several || of_writer {
        return false;
    }
    let writes = || tokens.iter().any(|it| ["DELETE", "INSERT", "REPLACE", "UPDATE"].iter().any(|word| it.is(word)));
    match first {
        // What it explains is not run.
        Token::Word(_) if ["EXPLAIN", "SELECT", "VALUES"].iter().any(|it| first.is(it)) => true,
        Token::Word(_) if first.is("WITH") => !writes(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(sql: &str) -> bool {
        Nature::of(sql).reads_only
    }

    #[test]
    fn reading_is_told_from_writing() {
        for sql in [
            "SELECT 1",
            "  -- c\n /* c; */ select 'a;b', \"x;\" from [t;];",
            "VALUES (1)",
            "EXPLAIN QUERY PLAN DELETE FROM t",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "WITH a AS (SELECT 'insert') SELECT * FROM a",
            "SELECT replace(a, 'b', 'c'), \"changes\", changes FROM t",
        ] {
            assert!(reads(sql), "{sql}");
        }
        for sql in [
            "",
            ";",
            "INSERT INTO t VALUES (1)",
            "SELECT 1; DELETE FROM t",
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
            "WITH a AS (SELECT 1) UPDATE t SET x = 1",
            "PRAGMA user_version",
            "(SELECT 1)",
            "SELECT last_insert_rowid()",
            "SELECT changes ()",
            "SELECT 'it''s'; DROP TABLE t",
            "SELECT \u{1F980}; DROP TABLE t",
            "/* SELECT",
        ] {
            assert!(!reads(sql), "{sql}");
        }
    }

    #[test]
    fn what_leaves_state_is_told() {
        for sql in ["begin", "INSERT INTO t VALUES (1); BEGIN", "PRAGMA foreign_keys=OFF", "create temp table t (x)"] {
            assert!(Nature::of(sql).leaves_state, "{sql}");
        }
        for sql in ["SELECT 'BEGIN'", "CREATE TABLE pragma (begin)", "UPDATE t SET x = CASE 1 WHEN 1 THEN 2 END"] {
            assert!(!Nature::of(sql).leaves_state, "{sql}");
        }
    }

    #[test]
    fn what_ends_a_transaction_is_told() {
        assert_eq!(Nature::of("SELECT 1; commit").ends_transaction, Some("COMMIT"));
        assert_eq!(Nature::of("ROLLBACK TRANSACTION").ends_transaction, Some("ROLLBACK"));
        assert_eq!(Nature::of(" end").ends_transaction, Some("COMMIT"));
        let trigger = "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM u; END";
        assert_eq!(Nature::of(trigger).ends_transaction, None);
        assert_eq!(Nature::of("ROLLBACK TO a").ends_transaction, None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in ".*") {
            Nature::of(&text);
        }

        #[test]
        fn what_is_quoted_says_nothing(text in ".*") {
            let reading = format!("SELECT '{}', \"{}\"", text.replace('\'', "''"), text.replace('"', "\"\""));
            let writing = format!("{reading}; DELETE FROM t");
            assert!(reads(&reading) && !reads(&writing), "{reading}");
        }
    }
}
