//! What each transaction begins with behind a pooler, in the place of what a session would begin with.

use super::names::{literal, quoted};

/// PostgreSQL: `GUC_LIST_QUOTE`, as far as such can be set in a transaction.
const LISTS: [&str; 2] = ["search_path", "temp_tablespaces"];

/// SQL that sets these for the transaction; the last of a name counts.
pub(super) fn prologue<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let set = parameters.into_iter().map(|(name, value)| {
        let name_sql: Vec<_> = name.split('.').map(quoted).collect();
        let value = match LISTS.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            true => names_in(value).iter().map(|it| literal(it)).collect::<Vec<_>>().join(", "),
            false => literal(value),
        };
        format!("SET LOCAL {} TO {value}", name_sql.join("."))
    });
    set.collect::<Vec<_>>().join("; ")
}

/// PostgreSQL: `SplitIdentifierString`. Never none.
fn names_in(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut chars = list.chars().peekable();
    let mut in_quotes = false;
    while let Some(char) = chars.next() {
        let Some(name) = names.last_mut() else { break };
        match char {
            '"' if in_quotes && chars.peek() == Some(&'"') => name.extend(chars.next()),
            '"' => in_quotes = !in_quotes,
            _ if in_quotes => name.push(char),
            ',' => names.push(String::new()),
            _ if char.is_whitespace() => {}
            _ => name.extend(char.to_lowercase()),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::prologue;

    #[test]
    fn each_parameter_is_set_for_the_transaction() {
        assert_snapshot!(prologue([]), @"");
        let parameters = [
            ("statement_timeout", "5min"),
            ("app.who", r"it's \me"),
            ("search_path", r#"Catalog, "my ""Own"", schema" ,"$user""#),
            ("role", "owner"),
        ];
        assert_snapshot!(prologue(parameters).replace("; ", "\n"), @r#"
        SET LOCAL "statement_timeout" TO '5min'
        SET LOCAL "app"."who" TO E'it''s \\me'
        SET LOCAL "search_path" TO 'catalog', 'my "Own", schema', '$user'
        SET LOCAL "role" TO 'owner'
        "#);
        assert_snapshot!(prologue([("search_path", "")]), @r#"SET LOCAL "search_path" TO ''"#);
    }
}
