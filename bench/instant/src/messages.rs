//! MongoDB's messages: OP_MSG, and the OP_QUERY with which clients say hello.

use crate::bson::{elements, int32_at, length_of_text};

const HEADER: usize = 16;
const OP_REPLY: u32 = 1;
const OP_QUERY: usize = 2004;
const OP_MSG: usize = 2013;

/// The sender does not wait for an answer.
const MORE_TO_COME: usize = 1 << 1;

pub struct Message<'a> {
    id: &'a [u8],
    is_query: bool,
    pub wants_answer: bool,
    /// The command.
    pub body: &'a [u8],
    /// Lists of documents beside it, each with its name.
    sequences: Vec<(&'a [u8], &'a [u8])>,
}

/// The first message of what was received, and its length, once all of it is there.
pub fn split(received: &[u8]) -> Option<(Message<'_>, usize)> {
    if received.len() < HEADER {
        return None;
    }
    let length = int32_at(received, 0);
    (received.len() >= length).then(|| (parse(&received[..length]), length))
}

fn parse(message: &[u8]) -> Message<'_> {
    let (id, content) = (&message[4..8], &message[HEADER..]);
    match int32_at(message, 12) {
        OP_QUERY => {
            let body = &content[4..];
            Message {
                id,
                is_query: true,
                wants_answer: true,
                body: &body[length_of_text(body) + 1 + 8..],
                sequences: Vec::new(),
            }
        }
        OP_MSG => parse_sections(id, content),
        other => panic!("no message of kind {other} is known"),
    }
}

fn parse_sections<'a>(id: &'a [u8], content: &'a [u8]) -> Message<'a> {
    let flags = int32_at(content, 0);
    let mut message = Message {
        id,
        is_query: false,
        wants_answer: flags & MORE_TO_COME == 0,
        body: &[],
        sequences: Vec::new(),
    };
    let mut rest = &content[4..];
    while let Some((&kind, section)) = rest.split_first() {
        let (section, others) = section.split_at(int32_at(section, 0));
        if kind == 0 {
            message.body = section;
        } else {
            let name = length_of_text(&section[4..]);
            let (name, documents) = section[4..].split_at(name);
            message.sequences.push((name, &documents[1..]));
        }
        rest = others;
    }
    message
}

impl<'a> Message<'a> {
    /// The documents of a list, whether it is in the command or beside it.
    pub fn list(&self, name: &str) -> Vec<&'a [u8]> {
        let beside = self
            .sequences
            .iter()
            .find(|(key, _)| *key == name.as_bytes());
        if let Some(&(_, mut rest)) = beside {
            let mut documents = Vec::new();
            while !rest.is_empty() {
                let (document, others) = rest.split_at(int32_at(rest, 0));
                documents.push(document);
                rest = others;
            }
            return documents;
        }
        let within = crate::bson::get(self.body, name).and_then(|list| list.array());
        let within = within.into_iter().flat_map(elements);
        within.map(|(_, document)| document.bytes).collect()
    }

    /// Writes an answer, whose document `write` makes.
    pub fn answer(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.extend([0; 8]);
        out.extend_from_slice(self.id);
        if self.is_query {
            out.extend(OP_REPLY.to_le_bytes());
            // Flags, the cursor, the first document's place, and how many there are.
            out.extend([0; 4 + 8 + 4]);
            out.extend(1_u32.to_le_bytes());
        } else {
            out.extend((OP_MSG as u32).to_le_bytes());
            // Flags, and the kind of the only section.
            out.extend([0; 4 + 1]);
        }
        write(out);
        let length = (out.len() - start) as u32;
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}
