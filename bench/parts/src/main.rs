//! The parts that need neither Node nor MongoDB: what a session costs the store's thread.

use std::hint::black_box;

use bson::{Bson, DateTime, RawDocumentBuf, doc};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use session_bytes::codec;
use session_bytes::difference::Difference;

/// What a shop might keep, with so many lines in the cart: about 130 bytes each.
fn session(lines: i32) -> RawDocumentBuf {
    let line = |line: i32| {
        doc! {
            "sku": format!("{:016x}", line * 7919),
            "title": format!("Article {line} in the size that fits"),
            "price": 9.99 + f64::from(line),
            "quantity": 1 + line % 3,
            "gift": line % 4 == 0,
        }
    };
    let cart: Vec<Bson> = (0..lines).map(|number| line(number).into()).collect();
    let session = doc! {
        "user": { "name": "Ann Smith", "email": "ann@example.org", "age": 40 },
        "locale": "en-GB",
        "views": lines,
        "cart": cart,
        "_expire": 1_700_000_000_000_i64,
        "_maxAge": 86_400_000,
    };
    RawDocumentBuf::try_from(&session).expect("a document")
}

fn text(criterion: &mut Criterion) {
    let mut dated = session(6);
    dated.append(
        bson::raw::cstr!("at"),
        DateTime::from_millis(1_700_000_000_000),
    );
    for (name, session) in [
        ("1 KB", session(6)),
        ("1 KB, one Date", dated),
        ("16 KB", session(120)),
    ] {
        let text = codec::to_json(&session).ok().flatten().expect("text");
        let mut group = criterion.benchmark_group("codec");
        group.throughput(Throughput::Bytes(session.as_bytes().len() as u64));
        group.bench_function(format!("to_json, {name}"), |bencher| {
            bencher.iter(|| codec::to_json(black_box(&session)));
        });
        group.bench_function(format!("from_json, {name}"), |bencher| {
            bencher.iter(|| codec::from_json(black_box(&text)));
        });
    }
}

fn difference(criterion: &mut Criterion) {
    for (name, lines) in [("1 KB", 6), ("16 KB", 120)] {
        let read = session(lines);
        let mut changed = session(lines + 1);
        changed.append(bson::raw::cstr!("note"), "new");
        criterion.bench_function(&format!("difference, {name}"), |bencher| {
            bencher.iter(|| Difference::between(black_box(&read), black_box(&changed)).is_ok());
        });
    }
}

criterion_group!(parts, text, difference);
criterion_main!(parts);
