//! The commands: each reads what it needs of a message and writes its answer.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bson::{self, Value, elements, get};
use crate::data::Data;
use crate::messages::Message;
use crate::numbers::Numbers;
use crate::refusal::Refusal;
use crate::writes;

/// MongoDB 8.0: what the drivers of today know.
const WIRE_VERSION: i32 = 25;
const VERSION: &str = "8.0.0";
const SET: &str = "instant";

pub struct Server {
    address: String,
    data: Data,
    numbers: Numbers,
}

impl Server {
    pub fn new(address: String) -> Self {
        Server {
            address,
            data: Data::default(),
            numbers: Numbers::default(),
        }
    }

    /// Executes a command and appends the answer.
    pub fn handle(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        let before = out.len();
        message.answer(out, |out| {
            let start = bson::begin(out);
            match self.execute(message, out) {
                Ok(()) => bson::put_double(out, "ok", 1.0),
                Err(refusal) => {
                    out.truncate(start + 4);
                    refuse(&refusal, out);
                }
            }
            bson::end(out, start);
        });
        if !message.wants_answer {
            out.truncate(before);
        }
    }

    fn execute(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let command = message.body;
        let Some((name, target)) = elements(command).next() else {
            return Err(Refusal::NoCommand(String::new()));
        };
        match name {
            b"hello" | b"isMaster" | b"ismaster" => self.hello(out),
            b"ping" | b"create" => {}
            b"buildInfo" | b"buildinfo" => build_info(out),
            b"endSessions" => self.numbers.end(target.bytes),
            b"find" => self.find(command, target, out)?,
            b"update" => {
                let collection = self.data.collection(&full_name(command, target));
                let executed = self.numbers.begin(command)?;
                writes::update(&message.list("updates"), collection, executed, out);
            }
            b"delete" => {
                let collection = self.data.collection(&full_name(command, target));
                let executed = self.numbers.begin(command)?;
                writes::delete(&message.list("deletes"), collection, executed, out);
            }
            b"findAndModify" | b"findandmodify" => {
                let collection = self.data.collection(&full_name(command, target));
                let executed = self.numbers.begin(command)?;
                writes::find_and_modify(command, collection, executed, out)?;
            }
            b"createIndexes" => {
                let collection = self.data.collection(&full_name(command, target));
                let indexes = message.list("indexes");
                (collection.indexes).extend(indexes.iter().map(|index| index.to_vec()));
            }
            b"listIndexes" => self.list_indexes(command, target, out),
            _ => {
                return Err(Refusal::NoCommand(
                    String::from_utf8_lossy(name).into_owned(),
                ));
            }
        }
        Ok(())
    }

    /// A replica set of one, so that clients use sessions and transaction numbers. It names no version of
    /// its topology, so clients ask now and then instead of waiting for news.
    fn hello(&self, out: &mut Vec<u8>) {
        let address = self.address.as_bytes();
        bson::put_bool(out, "helloOk", true);
        bson::put_bool(out, "isWritablePrimary", true);
        bson::put_bool(out, "ismaster", true);
        bson::put_bool(out, "secondary", false);
        bson::put_text(out, "setName", SET.as_bytes());
        bson::put_int32(out, "setVersion", 1);
        let hosts = bson::begin_array(out, "hosts");
        bson::put_text(out, "0", address);
        bson::end(out, hosts);
        bson::put_text(out, "primary", address);
        bson::put_text(out, "me", address);
        bson::put_int32(out, "maxBsonObjectSize", 16 * 1024 * 1024);
        bson::put_int32(out, "maxMessageSizeBytes", 48_000_000);
        bson::put_int32(out, "maxWriteBatchSize", 100_000);
        bson::put_date(out, "localTime", now());
        bson::put_int32(out, "logicalSessionTimeoutMinutes", 30);
        bson::put_int32(out, "minWireVersion", 0);
        bson::put_int32(out, "maxWireVersion", WIRE_VERSION);
        bson::put_bool(out, "readOnly", false);
    }

    /// All that matches comes as one batch.
    fn find(
        &mut self,
        command: &[u8],
        target: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let name = full_name(command, target);
        for option in ["projection", "sort", "skip"] {
            if get(command, option).is_some_and(|value| value.bytes.len() > 5) {
                return Err(Refusal::unknown("option", option.as_bytes()));
            }
        }
        let limit = get(command, "limit").and_then(Value::number);
        let limit = limit
            .filter(|limit| *limit > 0.0)
            .map_or(usize::MAX, |limit| limit as usize);
        let filter = get(command, "filter").and_then(Value::document);
        let filter = filter.unwrap_or(&[5, 0, 0, 0, 0]);
        let cursor = bson::begin_document(out, b"cursor");
        let batch = bson::begin_array(out, "firstBatch");
        let mut count = 0;
        self.data.collection(&name).find(filter, |document| {
            if count < limit {
                let document = Value {
                    kind: bson::DOCUMENT,
                    bytes: document,
                };
                bson::put(out, bson::place(count).as_bytes(), document);
                count += 1;
            }
        })?;
        bson::end(out, batch);
        end_cursor(out, cursor, &name);
        Ok(())
    }

    fn list_indexes(&mut self, command: &[u8], target: Value<'_>, out: &mut Vec<u8>) {
        let name = full_name(command, target);
        let cursor = bson::begin_document(out, b"cursor");
        let batch = bson::begin_array(out, "firstBatch");
        let first = bson::begin_document(out, b"0");
        bson::put_int32(out, "v", 2);
        let key = bson::begin_document(out, b"key");
        bson::put_int32(out, "_id", 1);
        bson::end(out, key);
        bson::put_text(out, "name", b"_id_");
        bson::end(out, first);
        for (number, index) in self.data.collection(&name).indexes.iter().enumerate() {
            let index = Value {
                kind: bson::DOCUMENT,
                bytes: index,
            };
            bson::put(out, bson::place(number + 1).as_bytes(), index);
        }
        bson::end(out, batch);
        end_cursor(out, cursor, &name);
    }
}

/// A cursor that has nothing more.
fn end_cursor(out: &mut Vec<u8>, cursor: usize, name: &[u8]) {
    bson::put_int64(out, "id", 0);
    bson::put_text(out, "ns", name);
    bson::end(out, cursor);
}

fn refuse(refusal: &Refusal, out: &mut Vec<u8>) {
    bson::put_double(out, "ok", 0.0);
    bson::put_text(out, "errmsg", refusal.message().as_bytes());
    bson::put_int32(out, "code", refusal.code());
    bson::put_text(out, "codeName", refusal.name().as_bytes());
}

fn build_info(out: &mut Vec<u8>) {
    bson::put_text(out, "version", VERSION.as_bytes());
    let parts = bson::begin_array(out, "versionArray");
    for (place, part) in [("0", 8), ("1", 0), ("2", 0), ("3", 0)] {
        bson::put_int32(out, place, part);
    }
    bson::end(out, parts);
}

/// `database.collection`.
fn full_name(command: &[u8], target: Value<'_>) -> Vec<u8> {
    let database = get(command, "$db")
        .and_then(Value::text)
        .unwrap_or_default();
    [database, target.text().unwrap_or_default()].join(&b'.')
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
