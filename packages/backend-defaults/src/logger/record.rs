use std::borrow::Cow;
use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};

use super::Level;

/// An event with the fields of the spans that it is in.
pub(super) struct Record<'a> {
    pub(super) level: tracing::Level,
    pub(super) target: &'a str,
    pub(super) message: String,
    /// The innermost span's last; an event's own after those.
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Record<'_> {
    /// A field by the name that it has in the JSON line.
    pub(super) fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let text = |it: &str| Some(Cow::Owned(Value::from(it)));
        match name {
            "message" => text(&self.message),
            "level" => text(Level(self.level).as_str()),
            "target" => text(self.target.split("::").next().unwrap_or(self.target)),
            _ => self.fields.iter().rev().find(|(it, _)| *it == name).map(|(_, value)| Cow::Borrowed(value)),
        }
    }
}

/// Collects fields of an event or a span.
#[derive(Clone, Default)]
pub(super) struct Fields {
    pub(super) message: String,
    pub(super) others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match self.others.iter_mut().find(|(it, _)| *it == name) {
            Some((_, old)) => *old = value,
            None => self.others.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.add(field, Value::String(format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.add(field, Value::from(value)),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::from(value));
    }
}
