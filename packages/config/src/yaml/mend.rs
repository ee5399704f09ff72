//! What is YAML but for the parser, written so that it takes it.

use saphyr_parser::ScanError;

/// The text with what the parser stumbled over in other words, if there are any.
pub(super) fn mend(text: &str, error: &ScanError) -> Option<String> {
    let at = text.char_indices().nth(error.marker().index()).map_or(text.len(), |(at, _)| at);
    match error.info() {
        info if info.ends_with("found invalid Unicode character escape code") => join_surrogates(text, at),
        "':' must be followed by a valid YAML whitespace" => replace_tabs(text, at, ':'),
        "'-' must be followed by a valid YAML whitespace" => replace_tabs(text, at, '-'),
        "':' may not precede any of `[{` in flow mapping" => {
            text[at..].starts_with(':').then(|| format!("{} {}", &text[..=at], &text[at + 1..]))
        }
        _ => None,
    }
}

/// JSON writes characters beyond the first 65,536 as two escapes: such pairs in a line written as one.
fn join_surrogates(text: &str, at: usize) -> Option<String> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let (mut out, mut from) = (text[..at].to_owned(), at);
    while let Some(next) = text[from..].find("\\u").map(|next| from + next) {
        if out.len() > at && text[from..next].contains('\n') {
            break;
        }
        out.push_str(&text[from..next]);
        from = next;
        if let (Some(high @ 0xd800..0xdc00), Some(low @ 0xdc00..0xe000)) =
            (unit(&text[from..]), text.get(from + 6..).and_then(unit))
        {
            let code = 0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
            out.push_str(&format!("\\U{code:08x}"));
            from += 12;
        } else {
            out.push_str("\\u");
            from += 2;
        }
    }
    out.push_str(&text[from..]);
    (out != text).then_some(out)
}

/// Tabs between a key or a dash and a scalar, but not where they would indent something.
fn replace_tabs(text: &str, at: usize, indicator: char) -> Option<String> {
    let before = text[..at].trim_end_matches([' ', '\t']);
    let line = text[at..].lines().next().unwrap_or("");
    let indents = line.starts_with("- ") || (indicator == '-' && (line.contains(": ") || line.ends_with(':')));
    let tabs = text[before.len()..at].replace('\t', " ");
    let has_tab = text[before.len()..at].contains('\t');
    (before.ends_with(indicator) && has_tab && !indents).then(|| format!("{before}{tabs}{}", &text[at..]))
}
