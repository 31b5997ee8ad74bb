//! A value in a form that is the same for all values that MongoDB takes for equal: 42 is 42, whether
//! int32, int64, double or decimal.
//!
//! | value                                    | form                                                   |
//! |------------------------------------------|--------------------------------------------------------|
//! | a number that is a whole one of 64 bits  | `i`, the int64                                         |
//! | another double, a decimal NaN or infinity | `d`, the double; every NaN is 0x7ff8000000000000      |
//! | another decimal                          | `D`, text: digits without zeros at the end, `E`, exponent |
//! | string, symbol                           | `s`, text                                              |
//! | document                                 | `o`, for each element: 1, its key as text, its value; 0 |
//! | array                                    | `a`, for each item: 1, its value; 0                    |
//! | anything else                            | `x`, BSON's type byte, BSON's bytes as text            |
//!
//! Numbers are little-endian; text comes after its length in bytes, 4 bytes. (A double and a decimal
//! that are no whole numbers are never the same here. MongoDB has them equal where a binary fraction
//! is exact, as 0.5 is.)

use mongodb::bson::raw::cstr;
use mongodb::bson::{Decimal128, RawBsonRef, RawDocumentBuf};

use crate::codec::{Elements, MAX_DEPTH};

/// MongoDB takes no documents that nest deeper.
const DEEPEST: usize = 2 * MAX_DEPTH;

pub fn append(out: &mut Vec<u8>, value: RawBsonRef<'_>) {
    append_at(out, value, 0);
}

fn append_at(out: &mut Vec<u8>, value: RawBsonRef<'_>, depth: usize) {
    match value {
        RawBsonRef::Int32(number) => append_whole(out, i64::from(number)),
        RawBsonRef::Int64(number) => append_whole(out, number),
        RawBsonRef::Double(number) => append_double(out, number),
        RawBsonRef::Decimal128(number) => append_decimal(out, number),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => {
            out.push(b's');
            append_text(out, text.as_bytes());
        }
        RawBsonRef::Document(document) if depth < DEEPEST => {
            out.push(b'o');
            for element in document.iter_elements().flatten() {
                if let Ok(value) = element.value() {
                    out.push(1);
                    append_text(out, element.key().as_str().as_bytes());
                    append_at(out, value, depth + 1);
                }
            }
            out.push(0);
        }
        RawBsonRef::Array(items) if depth < DEEPEST => {
            out.push(b'a');
            for item in items.into_iter().flatten() {
                out.push(1);
                append_at(out, item, depth + 1);
            }
            out.push(0);
        }
        other => append_bson(out, other),
    }
}

fn append_bson(out: &mut Vec<u8>, value: RawBsonRef<'_>) {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!(""), value);
    let element = Elements::of(document.as_bytes()).and_then(|mut all| all.advance());
    if let Ok(Some(element)) = element {
        out.extend_from_slice(&[b'x', element.kind as u8]);
        append_text(out, element.value);
    }
}

fn append_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text);
}

fn append_whole(out: &mut Vec<u8>, number: i64) {
    out.push(b'i');
    out.extend_from_slice(&number.to_le_bytes());
}

fn append_double(out: &mut Vec<u8>, number: f64) {
    /// 2^63: the first that is no int64.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if number.trunc() == number && (-LIMIT..LIMIT).contains(&number) {
        return append_whole(out, number as i64);
    }
    let number = match number.is_nan() {
        true => f64::from_bits(0x7ff8_0000_0000_0000),
        false => number,
    };
    out.push(b'd');
    out.extend_from_slice(&number.to_le_bytes());
}

fn append_decimal(out: &mut Vec<u8>, number: Decimal128) {
    let text = number.to_string();
    let Some((digits, exponent)) = parts(&text) else {
        let number = match text.as_str() {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => f64::NAN,
        };
        return append_double(out, number);
    };
    match whole(&digits, exponent) {
        Some(number) => append_whole(out, number),
        None => {
            out.push(b'D');
            append_text(out, format!("{digits}E{exponent}").as_bytes());
        }
    }
}

/// Digits with their sign, no zeros at the end, and the power of ten that they are to be taken by.
fn parts(text: &str) -> Option<(String, i32)> {
    let (number, exponent) = text.split_once('E').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all = format!("{whole}{fraction}");
    let (sign, all) = match all.strip_prefix('-') {
        Some(all) => ("-", all),
        None => ("", all.as_str()),
    };
    if !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() {
        return Some(("0".into(), 0));
    }
    let zeros = (significant.len() - digits.len()) as i32;
    let exponent = exponent - fraction.len() as i32 + zeros;
    Some((format!("{sign}{digits}"), exponent))
}

fn whole(digits: &str, exponent: i32) -> Option<i64> {
    let power = 10i64.checked_pow(u32::try_from(exponent).ok()?)?;
    digits.parse::<i64>().ok()?.checked_mul(power)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, RawBson, doc};

    use super::*;

    fn canon(value: impl Into<Bson>) -> Vec<u8> {
        let mut out = Vec::new();
        let value = RawBson::try_from(value.into()).unwrap();
        append(&mut out, value.as_raw_bson_ref());
        out
    }

    fn decimal(text: &str) -> Vec<u8> {
        canon(text.parse::<Decimal128>().unwrap())
    }

    #[test]
    fn numbers_that_are_equal_have_one_form() {
        for same in [
            canon(42i64),
            canon(42.0),
            decimal("42"),
            decimal("42.00"),
            decimal("4.2E+1"),
            decimal("0.42E2"),
        ] {
            assert_eq!(same, canon(42));
        }
        assert_eq!(canon(-0.0), canon(0));
        assert_eq!(decimal("-0.00"), canon(0));
        assert_eq!(canon(f64::NAN), canon(-f64::NAN));
        assert_eq!(decimal("NaN"), canon(f64::NAN));
        assert_eq!(decimal("-Infinity"), canon(f64::NEG_INFINITY));
        assert_eq!(decimal("1.50"), decimal("15E-1"));
        assert_eq!(canon(i64::MIN), canon(i64::MIN as f64));
        assert_eq!(decimal("-9223372036854775808"), canon(i64::MIN));
    }

    #[test]
    fn what_is_not_equal_has_another_form() {
        assert_ne!(canon(42), canon("42"));
        assert_ne!(canon((1i64 << 53) + 1), canon(2f64.powi(53)));
        assert_ne!(canon(1), canon(true));
        assert_ne!(canon(1.5), canon(1));
        assert_ne!(canon(vec![1, 2]), canon(vec![2, 1]));
        assert_ne!(
            canon(doc! { "a": 1, "b": 2 }),
            canon(doc! { "b": 2, "a": 1 })
        );
        assert_ne!(canon(vec!["ab"]), canon(vec!["a", "b"]));
        assert_ne!(decimal("0.1"), canon(0.1));
        assert_ne!(canon(2f64.powi(63)), canon(i64::MAX));
    }

    #[test]
    fn within_documents_and_arrays_too() {
        let one = doc! { "a": [1, { "b": 2i64 }] };
        let other = doc! { "a": [1.0, { "b": 2 }] };
        assert_eq!(canon(one), canon(other));
        assert_eq!(canon(Bson::Symbol("a".into())), canon("a"));
    }
}
