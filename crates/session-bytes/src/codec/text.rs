//! The numbers and strings of JSON text.

use std::io::Write;

pub fn write_number<T: serde::Serialize>(out: &mut Vec<u8>, number: T) {
    let _ = serde_json::to_writer(out, &number); // a Vec takes all
}

/// Writes a string. Whether the bytes are UTF-8 is for whoever reads `out` to check, once for all
/// that is in it: what is not stays so between its quotes.
pub fn write_text(out: &mut Vec<u8>, mut text: &[u8]) {
    out.push(b'"');
    loop {
        let (plain, rest) = text.split_at(plain_length(text));
        out.extend_from_slice(plain);
        let Some((byte, rest)) = rest.split_first() else {
            break;
        };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            control => {
                let _ = write!(out, "\\u{control:04x}"); // a Vec takes all
            }
        }
        text = rest;
    }
    out.push(b'"');
}

/// How many bytes at the start stand in a JSON string as they are.
fn plain_length(text: &[u8]) -> usize {
    let is_plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    // All eight, without a branch for each, so that the processor looks at them at once.
    let are_plain = |bytes: &&[u8; 8]| bytes.iter().fold(true, |all, byte| all & is_plain(byte));
    let start = 8 * text.as_chunks().0.iter().take_while(are_plain).count();
    let rest = text[start..].iter();
    start + rest.take_while(|byte| is_plain(byte)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_text(&mut out, text);
        out
    }

    proptest! {
        #[test]
        fn any_string_is_read_back(text in "(.|[\\x00-\\x22]|\\\\){0,40}") {
            let json = written(text.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
        }

        #[test]
        fn bytes_that_are_not_utf8_do_not_become_it(bytes in any::<Vec<u8>>()) {
            let is_text = str::from_utf8(&bytes).is_ok();
            prop_assert_eq!(str::from_utf8(&written(&bytes)).is_ok(), is_text);
        }
    }
}
