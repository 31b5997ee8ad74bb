//! What an operation can fail with, in the words of the public errors.

use std::fmt;

/// The stable codes of `SessionStoreError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The options or the connection string cannot be used.
    Options,
    /// The session cannot be stored as BSON, or the stored document is not one.
    SessionValue,
    /// The stored document would exceed MongoDB's 16 MiB.
    SessionTooLarge,
    /// No server could be reached in time.
    Unavailable,
    /// The server was there, but the answer did not come in time.
    Timeout,
    /// The credentials were refused, or lack a privilege.
    Auth,
    /// MongoDB answered with another error.
    Server,
    /// The stored session was encrypted under a key that is not there, or was changed.
    Decrypt,
    /// The store is closed.
    Closed,
    /// No error: what the warning says that told of an absence before.
    Available,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Options => "ERR_OPTIONS",
            Code::SessionValue => "ERR_SESSION_VALUE",
            Code::SessionTooLarge => "ERR_SESSION_TOO_LARGE",
            Code::Unavailable => "ERR_UNAVAILABLE",
            Code::Timeout => "ERR_TIMEOUT",
            Code::Auth => "ERR_AUTH",
            Code::Server => "ERR_SERVER",
            Code::Decrypt => "ERR_DECRYPT",
            Code::Closed => "ERR_CLOSED",
            Code::Available => "INFO_AVAILABLE",
        }
    }
}

/// Why an operation failed. Nothing in it may hold a password, a session id or session content:
/// messages are written here, never copied from what the server said about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    pub message: String,
    /// MongoDB's own error code, where it gave one.
    pub mongo_code: Option<i32>,
    /// What lies beneath, such as the operating system's words about a connection.
    pub cause: Option<String>,
}

impl Failure {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure {
            code,
            message: message.into(),
            mongo_code: None,
            cause: None,
        }
    }

    /// A mistake of the store itself, which ended no more than what it was doing.
    pub fn internal() -> Self {
        Failure::new(Code::Server, "the store failed internally")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for Failure {}
