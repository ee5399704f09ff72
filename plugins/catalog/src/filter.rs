//! `filter=kind=component,spec.type=service`. Backstage: `parseEntityFilterParams`.

/// Which entities are asked for: those that pass all tests of any of the lists; all if there is no list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) any_of: Vec<Vec<Test>>,
}

/// A key that an entity must have, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) key: String,
    /// With one of these values, in lower case; without them, with any.
    pub(crate) values: Option<Vec<String>>,
}

/// More than these make a statement that no database takes.
const MAX_TESTS: usize = 500;

/// A filter that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("Invalid filter, '{0}' is not a valid statement (expected a string on the form a=b or a= or a)")]
    NoKey(String),
    #[error("Invalid filter, more than {MAX_TESTS} keys are asked for")]
    TooLong,
}

impl Filter {
    /// Each text is a list of statements with commas between them.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, FilterError> {
        let lists = texts.into_iter().map(tests).collect::<Result<Vec<_>, _>>()?;
        if lists.iter().map(Vec::len).sum::<usize>() > MAX_TESTS {
            return Err(FilterError::TooLong);
        }
        Ok(Self { any_of: lists.into_iter().filter(|it| !it.is_empty()).collect() })
    }
}

/// Several values for one key are alternatives.
fn tests(text: &str) -> Result<Vec<Test>, FilterError> {
    let mut tests: Vec<Test> = vec![];
    for statement in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let (key, value) = match statement.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim())),
            None => (statement, None),
        };
        if key.is_empty() {
            return Err(FilterError::NoKey(statement.to_owned()));
        }
        let key = key.to_lowercase();
        let at = tests.iter().position(|it| it.key == key).unwrap_or_else(|| {
            tests.push(Test { key, values: None });
            tests.len() - 1
        });
        if let Some(value) = value {
            tests[at].values.get_or_insert_default().push(value.to_lowercase());
        }
    }
    Ok(tests)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shown(texts: &[&str]) -> String {
        let test = |it: &Test| match &it.values {
            None => it.key.clone(),
            Some(values) => format!("{} in [{}]", it.key, values.join(" ")),
        };
        let lists = Filter::parse(texts.iter().copied()).unwrap().any_of;
        lists.iter().map(|it| it.iter().map(test).collect::<Vec<_>>().join(" and ")).collect::<Vec<_>>().join(" or ")
    }

    #[test]
    fn and_within_or_between() {
        assert_eq!(
            shown(&["kind=Component, spec.Type = service", "kind=api"]),
            "kind in [component] and spec.type in [service] or kind in [api]"
        );
        assert_eq!(shown(&["kind=a,kind=B,metadata.x"]), "kind in [a b] and metadata.x");
        assert_eq!(shown(&["a=", "b=c=d"]), "a in [] or b in [c=d]");
        assert_eq!(shown(&["", " , "]), "");
        assert_eq!(shown(&[]), "");
    }

    #[test]
    fn a_filter_has_an_end() {
        let texts = vec!["a"; MAX_TESTS];
        assert!(Filter::parse(texts.iter().copied()).is_ok());
        assert_eq!(Filter::parse(texts.into_iter().chain(["b"])), Err(FilterError::TooLong));
    }

    #[test]
    fn a_statement_needs_a_key() {
        let error = Filter::parse(["a=b,=c"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "Invalid filter, '=c' is not a valid statement (expected a string on the form a=b or a= or a)"
        );
    }
}
