//! JSON in one form, as `jsonb` compares it: keys in order, the last of equal ones, numbers by their value, no blanks.

/// As deep as `serde_json` reads.
const DEEPEST: usize = 127;

/// Writes it in that form; text that is no JSON, or too deep, as it is.
pub(super) fn canonical(text: &str, out: &mut Vec<u8>) {
    let before = out.len();
    let mut writer = Writer { rest: text.as_bytes(), out };
    let written = writer.value(0).is_some() && writer.peek().is_none();
    if !written {
        out.truncate(before);
        out.extend_from_slice(text.as_bytes());
    }
}

struct Writer<'a> {
    rest: &'a [u8],
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// The next that is no blank.
    fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Whether it is next: then it is passed over.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            _ if depth > DEEPEST => None,
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string(),
            b't' | b'f' | b'n' => self.word(),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.skip(b'[');
        self.out.push(b'[');
        if !self.skip(b']') {
            loop {
                self.value(depth + 1)?;
                if self.skip(b']') {
                    break;
                }
                self.skip(b',').then_some(())?;
                self.out.push(b',');
            }
        }
        self.out.push(b']');
        Some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.skip(b'{');
        self.out.push(b'{');
        let begin = self.out.len();
        // Where each member begins, its key ends, and it ends.
        let mut members: Vec<(usize, usize, usize)> = Vec::new();
        let mut is_sorted = true;
        if !self.skip(b'}') {
            loop {
                let start = self.out.len();
                (self.peek()? == b'"').then_some(())?;
                self.string()?;
                let key = self.out.len();
                self.skip(b':').then_some(())?;
                self.out.push(b':');
                self.value(depth + 1)?;
                self.out.push(b',');
                is_sorted &= members.last().is_none_or(|last| self.out[last.0..last.1] < self.out[start..key]);
                members.push((start, key, self.out.len()));
                if self.skip(b'}') {
                    break;
                }
                self.skip(b',').then_some(())?;
            }
        }
        if !is_sorted {
            self.sort(begin, members);
        }
        self.out.push(b'}');
        Some(())
    }

    fn sort(&mut self, begin: usize, mut members: Vec<(usize, usize, usize)>) {
        let text = self.out.split_off(begin);
        let key = |member: &(usize, usize, usize)| &text[member.0 - begin..member.1 - begin];
        // It keeps the order of equal ones.
        members.sort_by(|a, b| key(a).cmp(key(b)));
        for (index, member) in members.iter().enumerate() {
            let is_last = members.get(index + 1).is_none_or(|next| key(next) != key(member));
            if is_last {
                self.out.extend_from_slice(&text[member.0 - begin..member.2 - begin]);
            }
        }
    }

    /// With no more escaped than has to be.
    fn string(&mut self) -> Option<()> {
        let mut at = 1;
        let mut is_plain = true;
        loop {
            match self.rest.get(at)? {
                b'"' => break,
                b'\\' => {
                    is_plain = false;
                    at += 2;
                }
                0..0x20 => return None,
                _ => at += 1,
            }
        }
        let (string, rest) = self.rest.split_at_checked(at + 1)?;
        self.rest = rest;
        if is_plain {
            self.out.extend_from_slice(string);
        } else {
            let string: String = serde_json::from_slice(string).ok()?;
            serde_json::to_writer(&mut *self.out, &string).ok()?;
        }
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let word = [&b"true"[..], b"false", b"null"].into_iter().find(|it| self.rest.starts_with(it))?;
        self.rest = &self.rest[word.len()..];
        self.out.extend_from_slice(word);
        Some(())
    }

    /// 1.0 is 1, and 1e2 is 100.
    fn number(&mut self) -> Option<()> {
        let is_part = |it: &u8| matches!(it, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.iter().take_while(|it| is_part(it)).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        let number: serde_json::Number = serde_json::from_slice(digits).ok()?;
        let text = match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(it), ..) => it.to_string(),
            (_, Some(it), _) => it.to_string(),
            // Not `-0`.
            (.., Some(it)) => (it + 0.0).to_string(),
            _ => return None,
        };
        self.out.extend_from_slice(text.as_bytes());
        Some(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Number, Value};

    use super::*;

    fn form(text: &str) -> String {
        let mut out = Vec::new();
        canonical(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_the_same_has_one_form() {
        for (text, wanted) in [
            (" { \"b\" : [ 1 , 2 ] , \"a\" : null } ", "{\"a\":null,\"b\":[1,2],}"),
            ("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2,}"),
            ("[1.0, 1e2, -0, 0.5, 18446744073709551615, -1]", "[1,100,0,0.5,18446744073709551615,-1]"),
            ("\"\\u00e4\\/\\n\\\"\"", "\"ä/\\n\\\"\""),
            ("{}", "{}"),
            ("[]", "[]"),
            ("true", "true"),
        ] {
            assert_eq!(form(text), wanted);
        }
    }

    #[test]
    fn what_is_no_json_stays_as_it_is() {
        let deep = format!("{}{}", "[ ".repeat(1000), "]".repeat(1000));
        for text in
            ["", " ", "{", "[1,]", "{\"a\"}", "{a:1}", "tru", "1 2", "\"\\x\"", "\"a", "\"\\", "01", "--1", &deep]
        {
            assert_eq!(form(text), text);
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|it| Number::from_f64(it).map_or(Value::Null, Value::from)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|it| Map::from_iter(it).into()),
            ]
        })
    }

    fn reversed(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(reversed).collect::<Vec<_>>().into(),
            Value::Object(map) => {
                map.iter().rev().map(|(key, it)| (key.clone(), reversed(it))).collect::<Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn order_and_blanks_make_no_difference(value in value()) {
            let wanted = form(&value.to_string());
            prop_assert_eq!(&form(&serde_json::to_string_pretty(&value).unwrap()), &wanted);
            prop_assert_eq!(&form(&reversed(&value).to_string()), &wanted);
        }

        #[test]
        fn what_differs_has_another_form(a in value(), b in value()) {
            prop_assert!(a == b || form(&a.to_string()) != form(&b.to_string()) || close(&a, &b));
        }

        #[test]
        fn nothing_panics(text in "[\\[\\]{}\",:\\\\a0-9eE.+ -]{0,30}") {
            form(&text);
        }
    }

    /// Only numbers may be written otherwise: 1.0 is 1.
    fn close(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || close(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a == b || close(a, b)))
            }
            _ => false,
        }
    }
}
