//! Lines of a file that is no YAML and yet may hold secrets.

use crate::secret::{has_user_info, is_secret_name};

/// Whether a line may hold a secret, by the names on it and above it.
///
/// Those above are the keys the line is indented below, and the nearest key at all, for a text block that broke out of
/// its indentation.
pub(super) fn may_show_secret(text: &str, line: u32) -> bool {
    let above: Vec<&str> = text.lines().take(line as usize).collect();
    let Some((own, above)) = above.split_last() else { return false };
    let named = |line: &str| {
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        words.into_iter().any(|word| word == "connection" || is_secret_name(word))
    };
    if named(own) || has_user_info(own) {
        return true;
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut limit = indent(own);
    let mut nearest_key = true;
    for line in above.iter().rev().filter(|line| !line.trim().is_empty()) {
        let is_key = line.split_once(':').is_some_and(|(name, _)| !name.trim().contains(' '));
        if (indent(line) < limit || (is_key && nearest_key)) && named(line) {
            return true;
        }
        limit = limit.min(indent(line));
        nearest_key &= !is_key;
    }
    false
}
