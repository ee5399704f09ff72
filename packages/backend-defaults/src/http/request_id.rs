use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header that carries the id, in both directions.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 128;

/// The id that the request came with, or, if it has none that is fit for a log, a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(X_REQUEST_ID).filter(|it| is_sane(it.as_bytes())).cloned();
    given.or_else(|| HeaderValue::try_from(Uuid::new_v4().to_string()).ok()).unwrap_or(HeaderValue::from_static("-"))
}

fn is_sane(id: &[u8]) -> bool {
    let fit = |it: &u8| it.is_ascii_alphanumeric() || b"-_.:+/=@".contains(it);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_over_when_it_is_fit_for_a_log() {
        let of = |id: &'static str| of(&HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(id))]));
        assert_eq!(of("Root=1-67891233-abcdef"), "Root=1-67891233-abcdef");
        for wrong in ["", "a b", "a\"b", "a\tb"] {
            assert_eq!(of(wrong).len(), 36, "{wrong:?}");
        }
        let long = HeaderMap::from_iter([(
            X_REQUEST_ID,
            HeaderValue::from_static(concat!(
                "0123456789012345678901234567890123456789012345678901234567890123456789",
                "0123456789012345678901234567890123456789012345678901234567890123456789"
            )),
        )]);
        assert_eq!(super::of(&long).len(), 36);
    }
}
