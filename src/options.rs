//! What a store needs to know, checked once.

use std::future::IntoFuture;
use std::str::FromStr;
use std::time::Duration;

use futures_util::FutureExt;
use mongodb::error::ErrorKind;
use mongodb::options::{ClientOptions, ConnectionString, HostInfo, ServerApi, ServerApiVersion};

use crate::error::{Code, Failure};

/// As in the official driver for Node.
pub const DEFAULT_MAX_POOL_SIZE: u32 = 100;

#[derive(Debug, Clone)]
pub struct Options {
    pub connection_string: ConnectionString,
    pub database: String,
    pub collection: String,
    /// How long an operation may take as a whole.
    pub timeout: Duration,
    /// How long an operation waits while no server can be reached.
    pub server_selection_timeout: Duration,
    pub server_api: Option<ServerApi>,
    /// A touch that gains less than this is not written.
    pub touch_after: Duration,
}

impl Options {
    /// Fails with `ERR_OPTIONS` where the driver cannot use the connection string. Resolves no
    /// name and opens no connection.
    pub fn new(
        connection_string: &str,
        database: String,
        collection: String,
        timeout_ms: f64,
    ) -> Result<Self, Failure> {
        let connection_string = ConnectionString::parse(connection_string).map_err(refusal)?;
        check(&connection_string)?;
        let server_selection_timeout = connection_string.server_selection_timeout;
        let timeout = Duration::from_millis(timeout_ms as u64);
        Ok(Options {
            server_selection_timeout: server_selection_timeout.unwrap_or(timeout),
            connection_string,
            database,
            collection,
            timeout,
            server_api: None,
            touch_after: Duration::ZERO,
        })
    }

    /// Connections to one server, as the driver counts them; `0` in a string is no limit.
    pub fn max_pool_size(&self) -> usize {
        match self.connection_string.max_pool_size {
            None | Some(0) => DEFAULT_MAX_POOL_SIZE as usize,
            Some(most) => most as usize,
        }
    }

    /// The Stable API that every command declares.
    pub fn set_server_api(
        &mut self,
        version: &str,
        strict: Option<bool>,
        deprecation_errors: Option<bool>,
    ) -> Result<(), Failure> {
        let version = ServerApiVersion::from_str(version)
            .map_err(|_| Failure::new(Code::Options, "the version of the Stable API is unknown"))?;
        let mut server_api = ServerApi::builder().version(version).build();
        server_api.strict = strict;
        server_api.deprecation_errors = deprecation_errors;
        self.server_api = Some(server_api);
        Ok(())
    }
}

/// Finds what contradicts itself. An address that DNS has to complete is checked once that is done.
fn check(connection_string: &ConnectionString) -> Result<(), Failure> {
    if matches!(connection_string.host_info, HostInfo::DnsRecord(_)) {
        return Ok(());
    }
    let parsing = ClientOptions::parse(connection_string.clone()).into_future();
    match parsing.now_or_never() {
        Some(Err(error)) => Err(refusal(error)),
        Some(Ok(_)) | None => Ok(()),
    }
}

/// The driver's words about a connection string, unless they repeat credentials.
fn refusal(error: mongodb::error::Error) -> Failure {
    let problem = match error.kind.as_ref() {
        ErrorKind::InvalidArgument { message, .. } if !message.contains("://") => message,
        _ => "it is malformed",
    };
    let message = format!("the connection string cannot be used: {problem}");
    Failure::new(Code::Options, message)
}
