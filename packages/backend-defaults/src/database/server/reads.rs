use crate::database::tokens::Token;

/// The first words of statements that read.
const READING: [&str; 4] = ["SELECT", "TABLE", "VALUES", "WITH"];
/// What makes one of them write.
const WRITING: [&str; 6] = ["DELETE", "INSERT", "INTO", "MERGE", "REPLACE", "UPDATE"];
/// What may stand before a parenthesis: words of the language, types, and functions that change nothing.
/// Another function may do anything.
const HARMLESS: [&str; 55] = [
    "ABS",
    "ALL",
    "AND",
    "ANY",
    "ARRAY_AGG",
    "AS",
    "AVG",
    "BY",
    "CAST",
    "CHAR",
    "COALESCE",
    "CONCAT",
    "COUNT",
    "DATE",
    "DECIMAL",
    "DISTINCT",
    "ELSE",
    "EXCEPT",
    "EXISTS",
    "EXTRACT",
    "FILTER",
    "FROM",
    "GREATEST",
    "GROUP",
    "HAVING",
    "IN",
    "INTERSECT",
    "JOIN",
    "LATERAL",
    "LEAST",
    "LENGTH",
    "LIMIT",
    "LOWER",
    "MAX",
    "MIN",
    "NOT",
    "NULLIF",
    "NUMERIC",
    "ON",
    "OR",
    "OVER",
    "ROUND",
    "ROW_NUMBER",
    "SELECT",
    "SOME",
    "SUBSTRING",
    "SUM",
    "THEN",
    "UNION",
    "UPPER",
    "USING",
    "VALUES",
    "VARCHAR",
    "WHEN",
    "WHERE",
];

/// Whether a statement does nothing but read, as far as its text tells, so that it may be run twice. When in
/// doubt, it does more. Rails: a `SELECT` without functions that are not known.
pub(super) fn only_reads(statement: &[Token<'_>]) -> bool {
    let is_any = |token: &Token<'_>, words: &[&str]| words.iter().any(|it| token.is(it));
    statement.first().is_some_and(|it| is_any(it, &READING))
        && !statement
            .iter()
            .any(|it| is_any(it, &WRITING) || matches!(it, Token::At | Token::Assign | Token::Semicolon))
        && statement.windows(2).all(|it| it[1] != Token::Open || it[0] == Token::Open || is_any(&it[0], &HARMLESS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::tokens::{Quoting, Tokens};

    fn reads(sql: &str) -> bool {
        only_reads(&Tokens { sql, quoting: Quoting::Postgres }.collect::<Vec<_>>())
    }

    #[test]
    fn what_may_be_run_twice_is_told() {
        for sql in [
            r#"SELECT "item"."id", "item"."name" FROM "item" WHERE "item"."id" = $1 LIMIT $2 /*todo*/"#,
            "select count(*) as num_items from (select id from item where a in (1, 2)) as sub_query",
            "WITH few AS (SELECT 1) TABLE few",
            "VALUES (1)",
            "SELECT 'INSERT INTO x'",
        ] {
            assert!(reads(sql), "{sql}");
        }
        for sql in [
            "INSERT INTO item VALUES (1)",
            "WITH gone AS (DELETE FROM item RETURNING id) SELECT id FROM gone",
            "SELECT * INTO copy FROM item",
            "SELECT nextval('ids')",
            "SELECT charge_customer (1)",
            r#"SELECT "charge"(1)"#,
            "SELECT @a := 1",
            "EXPLAIN ANALYZE DELETE FROM item",
            "CALL charge()",
            "SELECT 1; SELECT 2",
            "",
        ] {
            assert!(!reads(sql), "{sql}");
        }
    }
}
