//! What is sent of a write.

use std::ops::Range;

use mongodb::bson::RawDocumentBuf;
use mongodb::bson::raw::{RawArrayBuf, cstr};
use mongodb::options::WriteConcern;

use super::{Command, Write};
use crate::collection::statement::{self, Statement};

/// How many bytes of statements one command may carry: MongoDB allows 16 MiB and 16 KiB for all.
const MAX_COMMAND_SIZE: usize = 16 * 1024 * 1024;

impl Write<'_> {
    /// The command with these of its statements. Others have the places of those before them.
    pub(super) fn body(&self, part: &Range<usize>) -> RawDocumentBuf {
        let (name, field) = match self.command {
            Command::Update => (cstr!("update"), cstr!("updates")),
            Command::Delete => (cstr!("delete"), cstr!("deletes")),
        };
        let in_their_place = (part.start > 0).then(|| {
            let id = &self.statements[part.start].at;
            match self.command {
                Command::Update => statement::update_nothing(id),
                Command::Delete => statement::delete_nothing(id),
            }
        });
        let others = in_their_place.iter().cycle().take(part.start);
        let sent = self.statements[part.clone()].iter();
        let list: RawArrayBuf = (others.map(|nothing| nothing.as_ref()))
            .chain(sent.map(|statement| statement.body.as_ref()))
            .collect();
        let mut body = RawDocumentBuf::new();
        body.append(name, self.collection.records.name());
        body.append(field, list);
        body.append(cstr!("ordered"), false);
        if self.session.is_some() {
            body.append(cstr!("txnNumber"), self.number);
        }
        if let Some(concern) = &self.collection.write_concern {
            body.append(cstr!("writeConcern"), concern.as_ref());
        }
        body
    }
}

/// How many of the statements fit into one command; one always does.
pub(super) fn how_many_fit(statements: &[Statement]) -> usize {
    let mut size = 0;
    let fitting = statements.iter().take_while(|statement| {
        size += statement.body.as_bytes().len();
        size <= MAX_COMMAND_SIZE
    });
    fitting.count().max(1).min(statements.len())
}

/// The write concern as a command carries it; `None` for the server's default.
pub fn write_concern_document(concern: &WriteConcern) -> Option<RawDocumentBuf> {
    let document = mongodb::bson::serialize_to_raw_document_buf(concern).ok()?;
    (!document.is_empty()).then_some(document)
}
