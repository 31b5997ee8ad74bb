//! What `touchAfter` puts off: a renewal that would move the ends of a session by less.
//!
//! A session has two ends, and either signs its user out: that of its record, and that of the cookie, which
//! koa-session keeps in the session as `_expire`. The application may give them different lives.

use std::time::Duration;

use mongodb::bson::{RawBsonRef, RawDocument};

use crate::collection::Dates;
use crate::record;

/// Whether the end of the record can be left where it is. One that nobody knows cannot.
pub fn leaves_record(
    touch_after: Duration,
    lifetime: i64,
    expires_at: Option<i64>,
    dates: Dates,
) -> bool {
    // As it is stored: a request that wrote the session knows only the life that it asked for.
    let stored = expires_at.map(|end| end.clamp(0, record::LAST_DATE));
    let renewed = dates.expires_at.timestamp_millis();
    stored.is_some_and(|stored| is_near(touch_after, lifetime, stored, renewed))
}

/// Whether the end of the cookie can, as it stands in the session that is stored. `renewed` is what it is
/// to be. koa-session gives a cookie that ends `_maxAge` as well: without it there is no such end.
pub fn leaves_cookie(touch_after: Duration, stored: &RawDocument, renewed: Option<f64>) -> bool {
    let life = number(stored, "_maxAge");
    let (Some(renewed), Some(life)) = (renewed, life) else {
        return true;
    };
    let stored = number(stored, "_expire");
    stored.is_some_and(|stored| is_near(touch_after, life as i64, stored as i64, renewed as i64))
}

/// An end that is to come earlier than before is always written, and so is one in the second half of its
/// life: nobody is signed out for want of a touch.
fn is_near(touch_after: Duration, life: i64, stored: i64, renewed: i64) -> bool {
    let half = Duration::from_millis(life.max(0) as u64 / 2);
    let gain = u64::try_from(renewed.saturating_sub(stored));
    gain.is_ok_and(|gain| Duration::from_millis(gain) < touch_after.min(half))
}

pub fn number(session: &RawDocument, key: &str) -> Option<f64> {
    match session.get(key) {
        Ok(Some(RawBsonRef::Double(number))) => Some(number),
        Ok(Some(RawBsonRef::Int32(number))) => Some(f64::from(number)),
        Ok(Some(RawBsonRef::Int64(number))) => Some(number as f64),
        _ => None,
    }
}
