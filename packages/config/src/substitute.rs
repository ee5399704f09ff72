use std::rc::Rc;

use crate::js;

/// Whether the text is one plain reference, `${NAME}`, and so gives nothing away.
pub(crate) fn is_reference(text: &str) -> bool {
    let inner = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|name| !name.contains(['{', '}']) && !name.contains(":-"))
}

/// What a text becomes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expanded {
    /// The text, and the variables that went into it.
    Text(String, Vec<String>),
    /// The variables that are missing, and whether the text says of each that it may be.
    Unset(Vec<String>, bool),
    /// The variable that has to be set, and why.
    Required(String, String),
}

/// `${X}` and `${ X }` are the variable; `${X:-default}` takes the default when it is unset or empty; `${X:?message}`
/// is an error then; `$${X}` is `${X}` itself. The text is absent when any variable (or a default that is empty) is.
///
/// `env` gives variables as they are to be put in. Backstage: `createSubstitutionTransform`, which has no `:?`.
pub(crate) fn expand(text: &str, env: &dyn Fn(&str) -> Option<Rc<str>>) -> Expanded {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut variables, mut missing, mut optional) = (Vec::with_capacity(1), Vec::new(), true);
    let mut rest = text;
    while let Some((before, inner, after)) = next_reference(rest) {
        rest = after;
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            out.push_str(inner);
            out.push('}');
            continue;
        }
        out.push_str(before);
        let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
        let (name, message) = match (default, name.split_once(":?")) {
            (None, Some((name, message))) => (name, Some(js::trim(message))),
            _ => (name, None),
        };
        let name = js::trim(name);
        let value = env(name).filter(|value| !value.is_empty() || (default.is_none() && message.is_none()));
        let has_default = default.is_some();
        let default = default.map(js::trim).filter(|default| !default.is_empty());
        match (value, message) {
            (Some(value), _) => {
                out.push_str(&value);
                variables.push(name.to_owned());
            }
            (None, Some(message)) => return Expanded::Required(name.to_owned(), message.to_owned()),
            (None, None) => match default {
                Some(default) => out.push_str(default),
                None => {
                    missing.push(name.to_owned());
                    optional &= has_default;
                }
            },
        }
    }
    out.push_str(rest);
    if missing.is_empty() { Expanded::Text(out, variables) } else { Expanded::Unset(missing, optional) }
}

/// The text before the first `${...}`, what is in it, and the text after it. Braces do not nest.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find('$').map(|at| from + at) {
        let Some(inner) = text[start + 1..].strip_prefix('{') else {
            from = start + 1;
            continue;
        };
        match inner.find(['{', '}']) {
            Some(end) if inner[end..].starts_with('}') => {
                return Some((&text[..start], &inner[..end], &inner[end + 1..]));
            }
            _ => from = start + 2,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let env = |name: &str| match name {
            "A" => Some("1".into()),
            "EMPTY" => Some("".into()),
            "REF" => Some("${A}".into()),
            "BRACES" => Some("{x}$".into()),
            _ => None,
        };
        match expand(text, &env) {
            Expanded::Text(text, _) => Some(text),
            Expanded::Unset(..) | Expanded::Required(..) => None,
        }
    }

    #[test]
    fn substitution_is_backstages() {
        let cases = [
            ("plain", Some("plain")),
            ("${A}", Some("1")),
            ("${ A }", Some("1")),
            ("a${A}b${A}c", Some("a1b1c")),
            ("${NONE}", None),
            ("x${NONE}y", None),
            ("${A}${NONE}", None),
            ("${EMPTY}", Some("")),
            ("${NONE:-d}", Some("d")),
            ("${EMPTY:-d}", Some("d")),
            ("${A:-d}", Some("1")),
            ("${ NONE :- d e }", Some("d e")),
            ("${NONE:-}", None),
            ("${EMPTY:-}", None),
            ("${NONE:-a:-b}", Some("a:-b")),
            ("$${A}", Some("${A}")),
            ("$$${A}", Some("$${A}")),
            ("$${NONE}", Some("${NONE}")),
            ("$A", Some("$A")),
            ("$$", Some("$$")),
            ("${}", None),
            ("${A", Some("${A")),
            ("${A{B}", Some("${A{B}")),
            ("${${A}}", Some("${1}")),
            ("${REF}", Some("${A}")),
            ("${BRACES}${A}", Some("{x}$1")),
            ("${NONE:-${A}}", Some("${NONE:-1}")),
            ("é${A}é", Some("é1é")),
        ];
        for (text, expected) in cases {
            assert_eq!(expanded(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_variable_may_be_required() {
        let env = |name: &str| (name == "EMPTY").then(|| "".into()).or_else(|| (name == "A").then(|| "1".into()));
        let required = |name: &str| Expanded::Required(name.into(), "set it".into());
        assert_eq!(expand("x${A:?set it}", &env), Expanded::Text("x1".into(), vec!["A".into()]));
        assert_eq!(expand("x${NONE:? set it }", &env), required("NONE"));
        assert_eq!(expand("${OTHER}${ EMPTY :?set it}", &env), required("EMPTY"));
        assert_eq!(expand("${NONE:-why:?}", &env), Expanded::Text("why:?".into(), vec![]));
    }

    #[test]
    fn only_a_bare_reference_is_one() {
        assert!(is_reference("${A}") && is_reference(" ${ A } "));
        assert!(!is_reference("${A:-secret}") && !is_reference("x${A}") && !is_reference("${A}${B}"));
    }
}
