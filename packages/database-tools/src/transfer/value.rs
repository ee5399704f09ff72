use std::borrow::Cow;

/// A value as its target's [`Kind`](super::Kind) has it: the same in every engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// Of `Bool`.
    Bool(bool),
    /// Of `Int`.
    Int(i64),
    /// Of `Int`, where it is beyond 63 bits.
    Unsigned(u64),
    /// Of `Real`.
    Real(f64),
    /// Of `Decimal`: no exponent, no zeros at its end or before its first digit, no `-0`.
    Decimal(Cow<'a, str>),
    /// Of `Text` and `Char` (without blanks at its end), and of `Other`.
    Text(Cow<'a, str>),
    /// Of `Bytes`.
    Bytes(Cow<'a, [u8]>),
    /// Of `Date`: days since 1970-01-01.
    Date(i32),
    /// Of `Time`: microseconds since midnight.
    Time(i64),
    /// Of `Timestamp`: microseconds since 1970-01-01T00:00, in UTC if the zone is known.
    Timestamp(i64),
    /// Of `Json`: as the source wrote it.
    Json(Cow<'a, str>),
    /// Of `Uuid`.
    Uuid([u8; 16]),
}
