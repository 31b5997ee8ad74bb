//! The collections: documents by their ids.

use std::collections::HashMap;

use crate::bson::Value;
use crate::filter;
use crate::refusal::Refusal;

#[derive(Default)]
pub struct Data {
    /// By `database.collection`.
    collections: HashMap<Vec<u8>, Collection>,
}

impl Data {
    pub fn collection(&mut self, name: &[u8]) -> &mut Collection {
        if !self.collections.contains_key(name) {
            self.collections
                .insert(name.to_vec(), Collection::default());
        }
        self.collections.get_mut(name).expect("it is there now")
    }
}

#[derive(Default)]
pub struct Collection {
    /// By the bytes of their ids: those of one collection are all of one type.
    documents: HashMap<Vec<u8>, Vec<u8>>,
    /// As they were asked for; they do nothing.
    pub indexes: Vec<Vec<u8>>,
}

impl Collection {
    /// The document that a filter with one id matches.
    pub fn find_one(&mut self, filter: &[u8]) -> Result<Option<&mut Vec<u8>>, Refusal> {
        let id = filter::id(filter).ok_or(Refusal::NoId)?;
        match self.documents.get_mut(id.bytes) {
            Some(document) if filter::matches(filter, document)? => Ok(Some(document)),
            _ => Ok(None),
        }
    }

    /// Tells `found` all documents that match.
    pub fn find(&self, filter: &[u8], mut found: impl FnMut(&[u8])) -> Result<(), Refusal> {
        let mut look = |document: &[u8]| -> Result<(), Refusal> {
            if filter::matches(filter, document)? {
                found(document);
            }
            Ok(())
        };
        match filter::ids(filter) {
            Some(ids) => (ids.iter())
                .filter_map(|id| self.documents.get(id.bytes))
                .try_for_each(|document| look(document)),
            None => (self.documents.values()).try_for_each(|document| look(document)),
        }
    }

    pub fn has(&self, id: Value<'_>) -> bool {
        self.documents.contains_key(id.bytes)
    }

    pub fn insert(&mut self, id: Value<'_>, document: Vec<u8>) {
        self.documents.insert(id.bytes.to_vec(), document);
    }

    pub fn remove(&mut self, id: Value<'_>) {
        self.documents.remove(id.bytes);
    }
}
