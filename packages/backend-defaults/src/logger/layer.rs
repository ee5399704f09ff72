use std::io::Write;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::Utc;
use indexmap::IndexMap;
use serde_json::Value;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Changes};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::record::{Fields, Record};
use super::{Filter, Format, Redactor};

/// Writes each event that passes as one line.
#[derive(Debug)]
pub struct LogLayer<W> {
    writer: W,
    settings: LogSettings,
    format: Format,
    redactor: Redactor,
}

/// What can be changed of a log that is in use.
#[derive(Clone, Debug)]
pub struct LogSettings(Arc<RwLock<Arc<Settings>>>);

#[derive(Debug)]
struct Settings {
    filter: Filter,
    meta: IndexMap<String, Value>,
    redactor: Redactor,
}

impl LogSettings {
    /// `meta` is in every line.
    pub fn new(filter: Filter, meta: IndexMap<String, Value>) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(Settings { filter, meta, redactor: Redactor::default() }))))
    }

    /// Changes them, for what is logged from now on. `redactor` hides what is new, beside what the
    /// layer's own goes on hiding: the old values may still be in use.
    pub fn set(&self, filter: Filter, meta: IndexMap<String, Value>, redactor: Redactor) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Settings { filter, meta, redactor });
        tracing::callsite::rebuild_interest_cache();
    }

    fn get(&self) -> Arc<Settings> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<W> LogLayer<W> {
    /// `redactor` hides what is not to be in any line.
    pub fn new(writer: W, settings: LogSettings, format: Format, redactor: Redactor) -> Self {
        Self { writer, settings, format, redactor }
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match metadata.is_span() || self.settings.get().filter.may_pass(metadata) {
            true => Interest::always(),
            false => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.is_span() || self.settings.get().filter.may_pass(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.settings.get().filter.max_level())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, changes: &Changes<'_>, cx: Context<'_, S>) {
        let Some(span) = cx.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            changes.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut fields = Vec::new();
        for span in cx.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span.others.iter().cloned());
            }
        }
        fields.extend(own.others);
        let record = Record {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message: own.message,
            fields,
        };
        let settings = self.settings.get();
        if settings.filter.passes(&record) {
            let line = self.format.line(Utc::now(), &record, &settings.meta);
            let line = settings.redactor.redact(&line);
            // A log that cannot be written has nowhere to say so.
            let _ = self.writer.make_writer().write_all(self.redactor.redact(&line).as_bytes());
        }
    }
}
