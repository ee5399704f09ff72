//! The formats of names, labels and the like: Kubernetes' rules, as Backstage has them in
//! `KubernetesValidatorFunctions` and `CommonValidatorFunctions`.

/// A check and what it expects, in Backstage's words.
pub(crate) struct Format {
    pub(crate) is_valid: fn(&str) -> bool,
    pub(crate) expectation: &'static str,
}

pub(crate) const API_VERSION: Format =
    Format { is_valid: |it| prefix_and_or_suffix(it, is_alphanumeric), expectation: "a valid prefix and/or suffix" };
pub(crate) const KIND: Format = Format {
    is_valid: |it| it.starts_with(|c: char| c.is_ascii_alphabetic()) && is_alphanumeric(it),
    expectation: "a string that is a sequence of [a-zA-Z][a-z0-9A-Z], at most 63 characters in total",
};
pub(crate) const NAME: Format = Format {
    is_valid: is_object_name,
    expectation: "a string that is sequences of [a-zA-Z0-9] separated by any of [-_.], at most 63 characters in total",
};
pub(crate) const NAMESPACE: Format = Format {
    is_valid: is_dns_label,
    expectation: "a string that is sequences of [a-z0-9] separated by [-], at most 63 characters in total",
};
pub(crate) const KEY: Format =
    Format { is_valid: |it| prefix_and_or_suffix(it, is_object_name), expectation: "a valid prefix and/or suffix" };
pub(crate) const LABEL_VALUE: Format =
    Format { is_valid: |it| it.is_empty() || is_object_name(it), expectation: NAME.expectation };
pub(crate) const ANNOTATION_VALUE: Format = Format { is_valid: |_| true, expectation: "a string" };
pub(crate) const TAG: Format = Format {
    is_valid: |it| words_joined_by_dashes(it, |c| matches!(c, 'a'..='z' | '0'..='9' | '+' | '#' | ':')),
    expectation: "a string that is sequences of [a-z0-9+#:] separated by [-], at most 63 characters in total",
};
pub(crate) const URL: Format = Format { is_valid: is_url, expectation: "a string that is a valid url" };
pub(crate) const NON_EMPTY: Format = Format { is_valid: |it| !it.trim().is_empty(), expectation: "a non empty string" };

fn is_alphanumeric(it: &str) -> bool {
    (1..=63).contains(&it.len()) && it.bytes().all(|c| c.is_ascii_alphanumeric())
}

fn is_object_name(it: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    it.len() <= 63
        && edge(it.chars().next())
        && edge(it.chars().last())
        && it.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

fn is_dns_label(it: &str) -> bool {
    words_joined_by_dashes(it, |c| matches!(c, 'a'..='z' | '0'..='9'))
}

fn is_dns_subdomain(it: &str) -> bool {
    it.len() <= 253 && it.split('.').all(is_dns_label)
}

fn words_joined_by_dashes(it: &str, in_word: fn(char) -> bool) -> bool {
    it.len() <= 63 && it.split('-').all(|word| !word.is_empty() && word.chars().all(in_word))
}

fn prefix_and_or_suffix(it: &str, is_suffix: fn(&str) -> bool) -> bool {
    match it.split_once('/') {
        Some((prefix, suffix)) => is_dns_subdomain(prefix) && is_suffix(suffix),
        None => is_suffix(it),
    }
}

/// A scheme and something after it, without blanks or control characters. Browsers' `new URL` allows some more.
fn is_url(it: &str) -> bool {
    let Some((scheme, rest)) = it.split_once(':') else { return false };
    let host_is_there = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" | "ftp" | "ws" | "wss" => !rest.trim_start_matches('/').is_empty(),
        _ => true,
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.'))
        && host_is_there
        && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &Format, valid: &[&str], invalid: &[&str]) {
        for it in valid {
            assert!((format.is_valid)(it), "{it:?} is valid");
        }
        for it in invalid {
            assert!(!(format.is_valid)(it), "{it:?} is not valid");
        }
    }

    #[test]
    fn formats_are_kubernetes() {
        let (long, longest) = ("a".repeat(64), "a".repeat(63));
        check(&NAME, &["a", "A.b-c_9", &longest], &["", "-a", "a-", "a b", "ä", &long]);
        check(&NAMESPACE, &["a", "a-b9", &longest], &["", "A", "a--b", "-a", "a.b", &long]);
        check(&KIND, &["API", "a1"], &["", "1a", "a-b", &long]);
        check(&API_VERSION, &["v1", "backstage.io/v1alpha1"], &["", "a/b/c", "/v1", "a/", "A.io/v1", "a/v-1"]);
        check(&KEY, &["a", "a.b/c_d.E"], &["", "a/b/c", "A/b", "a/", "a/b c"]);
        check(&LABEL_VALUE, &["", "a.b"], &["a b", "-"]);
        check(&TAG, &["java", "c++", "c#", "a-b", "lang:go"], &["", "Java", "a_b", "a--b", &long]);
        check(&URL, &["http://a", "mailto:x@y", "https://a/b?c#d"], &["", "a", "/a", "http://", "1a:b", "http://a b"]);
        check(&NON_EMPTY, &["a"], &["", "  "]);
    }
}
