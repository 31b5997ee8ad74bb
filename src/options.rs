//! What a store needs to know, checked once.

use std::str::FromStr;
use std::time::Duration;

use mongodb::options::{ConnectionString, ServerApi, ServerApiVersion};

use crate::error::{Code, Failure};

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
        let connection_string = ConnectionString::parse(connection_string).map_err(|error| {
            let problem = without_values(&error);
            Failure::new(
                Code::Options,
                format!("the connection string cannot be used: {problem}"),
            )
        })?;
        let server_selection_timeout = connection_string.server_selection_timeout;
        let timeout = Duration::from_millis(timeout_ms as u64);
        Ok(Options {
            server_selection_timeout: server_selection_timeout.unwrap_or(timeout),
            connection_string,
            database,
            collection,
            timeout,
            server_api: None,
        })
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

/// The driver's words about a connection string, unless they repeat credentials: everything from
/// a `://` on is left out.
fn without_values(error: &mongodb::error::Error) -> String {
    let text = match error.kind.as_ref() {
        mongodb::error::ErrorKind::InvalidArgument { message, .. } => message.clone(),
        _ => "it is malformed".to_owned(),
    };
    match text.find("://") {
        Some(_) => "it is malformed".to_owned(),
        None => text,
    }
}
