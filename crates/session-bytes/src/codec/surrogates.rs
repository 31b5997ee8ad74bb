//! Halves of characters (lone surrogates) in JSON text. JavaScript's strings can hold them, BSON's cannot.

/// Puts U+FFFD in the place of each, as every program does that writes such a string as UTF-8.
pub fn mend(json: &str) -> String {
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_low = |unit| (0xdc00..0xe000).contains(&unit);
        let (escape, is_half) = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..0xdc00), Some(low)) if is_low(low) => (12, false),
            (Some(0xd800..0xe000), _) => (6, true),
            (Some(_), _) => (6, false),
            // A backslash and whatever character it stands before.
            (None, _) => (
                1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                false,
            ),
        };
        mended.push_str(if is_half { "\u{fffd}" } else { &rest[..escape] });
        rest = &rest[escape..];
    }
    mended.push_str(rest);
    mended
}

/// The number in the escape that a text begins with.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_are_replaced() {
        for (text, mended) in [
            (r"a\n\\ud800\u0041", r"a\n\\ud800\u0041"),
            (r"\ud83d\ude00", r"\ud83d\ude00"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}\\ud83d\\ude00"),
            (r"\ud83dé\", "\u{fffd}é\\"),
            (r"\é\u12", r"\é\u12"),
        ] {
            assert_eq!(mend(text), mended);
        }
    }
}
