//! The options of a store as they come from `lib/call/sessions.js`.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::error::Failure;
use crate::options::{AutoRemove, Options};
use crate::seal::Sealer;
use crate::seal::ids::IdHasher;

#[napi(object, object_to_js = false)]
pub struct SessionsOptions {
    pub uri: String,
    pub db: String,
    pub collection: String,
    pub timeout_ms: f64,
    pub touch_after_ms: f64,
    pub timestamps: bool,
    pub auto_remove: String,
    pub auto_remove_interval_ms: f64,
    pub indexes: Vec<String>,
    pub server_api: Option<ServerApiObject>,
    /// The keys of `encryption`; none if it is off.
    pub encryption_keys: Vec<Uint8Array>,
    /// The key of `hashIds`, if it is on.
    pub hash_ids_key: Option<Uint8Array>,
}

#[napi(object, object_to_js = false)]
pub struct ServerApiObject {
    pub version: String,
    pub strict: Option<bool>,
    pub deprecation_errors: Option<bool>,
}

impl SessionsOptions {
    pub fn check(self) -> std::result::Result<Options, Failure> {
        let mut options = Options::new(&self.uri, self.db, self.collection, self.timeout_ms)?;
        options.touch_after = Duration::from_millis(self.touch_after_ms as u64);
        options.timestamps = self.timestamps;
        let interval = Duration::from_millis(self.auto_remove_interval_ms as u64);
        options.auto_remove = match self.auto_remove.as_str() {
            "interval" => AutoRemove::Interval(interval),
            "disabled" => AutoRemove::Disabled,
            _ => AutoRemove::Native,
        };
        if let Some(key) = &self.hash_ids_key {
            options.ids = Some(Arc::new(IdHasher::new(key)));
        }
        if !self.encryption_keys.is_empty() {
            let sealer = Sealer::new(&self.encryption_keys, &self.indexes);
            options.sealer = Some(Arc::new(sealer));
        }
        options.indexes = self.indexes;
        if let Some(api) = self.server_api {
            options.set_server_api(&api.version, api.strict, api.deprecation_errors)?;
        }
        Ok(options)
    }
}
