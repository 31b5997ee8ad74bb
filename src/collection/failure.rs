//! The driver's errors, sorted: which code the caller sees, and whether trying again may help.

use std::time::Duration;

use mongodb::error::{Error, ErrorKind};

use super::server::cause::code_name;
use crate::error::{Code, Failure};

/// Codes of a server that is no longer, or not yet, the one to ask: another attempt waits for the
/// right one. The list is that of the driver specifications (retryable reads and writes).
const RETRYABLE: [i32; 13] = [
    6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436,
];
const UNAUTHORIZED: i32 = 13;
const AUTHENTICATION_FAILED: i32 = 18;
/// By this a standalone server refuses a transaction number.
pub const ILLEGAL_OPERATION: i32 = 20;
const MECHANISM_UNAVAILABLE: i32 = 334;
const MAX_TIME_EXPIRED: i32 = 50;
const WRITE_CONFLICT: i32 = 112;

/// A command that ends so may have been executed, or a part of it. 6, 7, 89, 262 and 9001: a mongos has
/// no answer of a shard. The others: it was stopped half-way, by a server that shuts down (91, 11600) or
/// steps down (189, 11602), by an administrator (11601), a time limit (50, 262), a lock (24, 112).
const HALF_DONE: [i32; 13] = [
    6, 7, 24, 50, 89, 91, 112, 189, 262, 9001, 11600, 11601, 11602,
];

/// By these a server says that it is not the primary, any more or yet, or that it stops.
const NO_PRIMARY: [i32; 7] = [91, 189, 10107, 11600, 11602, 13435, 13436];

/// By these a server refuses a command that it is not the one to ask.
const REFUSED_BEFORE: [i32; 4] = [134, 10107, 13435, 13436];

/// What is refused for the sake of no session: a disk that is full (14031), more than the server can take
/// at once (462, 16500).
const BLAMES_NO_SESSION: [i32; 3] = [462, 14031, 16500];
pub const DUPLICATE_KEY: i32 = 11000;
const TOO_LARGE: [i32; 3] = [10334, 17419, 17420];

/// So the driver says that a command has more bytes than the server takes: it does not send it.
const OVER_MAXIMUM: &str = "over maximum";

/// So it says that a length in a reply cannot be.
const IMPOSSIBLE_LENGTH: [&str; 2] = [
    "out of range integral type conversion attempted",
    "checked arithmetic failure",
];

/// By this a server, or the driver in its place, says that sending a write again may help.
pub const RETRYABLE_WRITE: &str = "RetryableWriteError";

/// A failure of a command.
#[derive(Debug)]
pub struct Sorted {
    pub failure: Failure,
    /// Whether the same command may succeed when sent again.
    pub retry: bool,
    /// Whether MongoDB may have executed the command, or a part of it, or may still do so: it said
    /// nothing, or not enough to know.
    pub unanswered: bool,
    /// The driver sent nothing, since the server has no sessions: it would without a transaction
    /// number.
    pub without_number: bool,
}

impl Sorted {
    pub fn last(failure: Failure) -> Self {
        Sorted {
            failure,
            retry: false,
            unanswered: false,
            without_number: false,
        }
    }

    /// The same of one statement among others: it was not executed where it met a lock (24) or a
    /// conflict (112), which a command as a whole may have met half-way.
    pub fn of_statement(self) -> Self {
        let was_stopped = matches!(self.failure.mongo_code, Some(24 | WRITE_CONFLICT));
        Sorted {
            unanswered: self.unanswered && !was_stopped,
            ..self
        }
    }

    pub fn out_of_time(failure: Failure) -> Self {
        Sorted {
            unanswered: true,
            ..Sorted::last(failure)
        }
    }

    fn again(failure: Failure) -> Self {
        Sorted {
            retry: true,
            ..Sorted::last(failure)
        }
    }
}

pub fn is_no_primary(code: i32) -> bool {
    NO_PRIMARY.contains(&code)
}

pub fn sort(error: &Error) -> Sorted {
    label(sort_kind(error), error.contains_label(RETRYABLE_WRITE))
}

/// The label says that a write may be sent again under its number, and so as well that it may have
/// been executed: unless it is known to have been refused before it began.
pub fn label(sorted: Sorted, is_labelled: bool) -> Sorted {
    let code = sorted.failure.mongo_code;
    let never_began = code.is_some_and(|code| REFUSED_BEFORE.contains(&code));
    Sorted {
        retry: sorted.retry || is_labelled,
        unanswered: sorted.unanswered || (is_labelled && !never_began),
        ..sorted
    }
}

fn sort_kind(error: &Error) -> Sorted {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => sort_code(command.code, &command.code_name),
        ErrorKind::Authentication { .. } => sort_authentication(error),
        ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } => {
            Sorted::last(unavailable(None))
        }
        ErrorKind::Io(_) => Sorted {
            unanswered: true,
            ..Sorted::again(unavailable(None))
        },
        // Also of a command that is on its way, when the monitor's own gets no answer.
        ErrorKind::ConnectionPoolCleared { .. } => Sorted {
            unanswered: true,
            ..Sorted::again(unavailable(None))
        },
        ErrorKind::SessionsNotSupported => Sorted {
            without_number: true,
            ..Sorted::last(Failure::new(
                Code::Server,
                "this server has no sessions, which retryable writes need",
            ))
        },
        ErrorKind::Shutdown => {
            Sorted::last(Failure::new(Code::Closed, "the session store is closed"))
        }
        // What is wrong with the files themselves was found before.
        ErrorKind::InvalidTlsConfig { .. } => Sorted::last(Failure::new(
            Code::Options,
            "the certificate and the key in the file that `tlsCertificateKeyFile` names cannot be \
             used together",
        )),
        ErrorKind::InvalidArgument { message, .. } if message.contains(OVER_MAXIMUM) => {
            Sorted::last(Failure::new(
                Code::SessionTooLarge,
                "the session is larger than what this server takes in one message",
            ))
        }
        ErrorKind::InvalidArgument { message, .. }
            if IMPOSSIBLE_LENGTH.contains(&message.as_str()) =>
        {
            Sorted::out_of_time(malformed())
        }
        ErrorKind::InvalidArgument { message, .. } => Sorted::last(Failure {
            cause: (!message.contains("://")).then(|| message.clone()),
            ..Failure::new(Code::Options, "the connection cannot be set up as asked")
        }),
        ErrorKind::InvalidResponse { message, .. }
            if message.starts_with("error deserializing command error") =>
        {
            Sorted::last(Failure::new(
                Code::Server,
                "MongoDB refused the operation without a code that says why",
            ))
        }
        ErrorKind::InvalidResponse { .. } | ErrorKind::Bson(_) => Sorted::out_of_time(malformed()),
        ErrorKind::IncompatibleServer { message, .. } => Sorted::last(incompatible(message)),
        _ => Sorted::last(Failure::new(Code::Server, "the MongoDB driver failed")),
    }
}

/// While it starts or stops, a server refuses to sign anybody in, which says nothing about the
/// credentials.
fn sort_authentication(error: &Error) -> Sorted {
    // The driver keeps it in a box.
    let beneath = std::error::Error::source(error);
    let beneath = beneath.and_then(|source| source.downcast_ref::<Box<Error>>());
    match beneath.map(|error| sort(error)) {
        Some(passing) if passing.retry => passing,
        refused => {
            let mongo_code = refused.and_then(|refused| refused.failure.mongo_code);
            Sorted::last(Failure {
                mongo_code,
                ..Failure::new(Code::Auth, sign_in_problem(error, mongo_code))
            })
        }
    }
}

/// What servers say of a mechanism that they do not have, or not for this user, is worded and
/// numbered differently by each; none of it is about a mechanism where the password is wrong.
fn sign_in_problem(error: &Error, mongo_code: Option<i32>) -> &'static str {
    let message = match error.kind.as_ref() {
        ErrorKind::Authentication { message, .. } => message.to_lowercase(),
        _ => String::new(),
    };
    let says = |words: &str| message.contains(words);
    match () {
        () if says("saslprep") => {
            "the password has characters that SCRAM-SHA-256 does not allow; authMechanism \
             SCRAM-SHA-1 takes them"
        }
        () if message.starts_with("mongodb-x509") => {
            "MongoDB does not take the client certificate as that of a user (MONGODB-X509)"
        }
        () if mongo_code == Some(MECHANISM_UNAVAILABLE)
            || says("mechanism")
            || says("credentials registered") =>
        {
            "MongoDB does not offer the authMechanism that was tried, or not to this user: name \
             another, SCRAM-SHA-256 or SCRAM-SHA-1"
        }
        () if says("invalid server response") => "MongoDB's answer to the sign-in is malformed",
        () => "MongoDB refused the credentials; check user, password and authSource",
    }
}

/// The driver looks at a server when it connects, and before it sends what only newer ones know.
fn incompatible(message: &str) -> Failure {
    match message.contains("load balancing mode") {
        true => Failure::new(
            Code::Options,
            "`loadBalanced` is for servers behind a load balancer that they know of, which this one \
             is not: leave it out",
        ),
        false => Failure::new(
            Code::Server,
            "this version of MongoDB lacks what the operation needs",
        ),
    }
}

/// Sorts an error by MongoDB's code. What the server says beside it may repeat ids and content,
/// so only the name of the code is passed on.
pub fn sort_code(code: i32, name: &str) -> Sorted {
    Sorted {
        unanswered: HALF_DONE.contains(&code),
        ..sort_refusal(code, code_name(name))
    }
}

fn sort_refusal(code: i32, name: &str) -> Sorted {
    let with_code = |failure: Failure| Failure {
        // A server that is none of MongoDB's may refuse without a code.
        mongo_code: (code != 0).then_some(code),
        ..failure
    };
    match code {
        _ if RETRYABLE.contains(&code) => Sorted::again(with_code(Failure::new(
            Code::Unavailable,
            format!("MongoDB cannot serve now ({name}, code {code})"),
        ))),
        DUPLICATE_KEY | WRITE_CONFLICT => Sorted::again(with_code(server_error(code, name))),
        UNAUTHORIZED | AUTHENTICATION_FAILED => Sorted::last(with_code(Failure::new(
            Code::Auth,
            format!(
                "MongoDB refused access ({name}, code {code}): the user lacks a privilege, or the \
                 connection names no user"
            ),
        ))),
        MAX_TIME_EXPIRED => Sorted::last(with_code(Failure::new(
            Code::Timeout,
            "MongoDB stopped the operation at its time limit",
        ))),
        _ if TOO_LARGE.contains(&code) => Sorted::last(with_code(too_large())),
        _ => Sorted::last(with_code(server_error(code, name))),
    }
}

fn server_error(code: i32, name: &str) -> Failure {
    Failure::new(
        Code::Server,
        format!("MongoDB refused the operation ({name}, code {code})"),
    )
}

pub fn malformed() -> Failure {
    Failure::new(
        Code::SessionValue,
        "MongoDB's answer holds a malformed document",
    )
}

pub fn too_large() -> Failure {
    Failure::new(
        Code::SessionTooLarge,
        "the session exceeds MongoDB's limit of 16 MiB for one document",
    )
}

pub fn unavailable(cause: Option<String>) -> Failure {
    Failure {
        cause,
        ..Failure::new(Code::Unavailable, "MongoDB cannot be reached")
    }
}

pub fn timeout(limit: Duration) -> Failure {
    Failure::new(
        Code::Timeout,
        format!("MongoDB did not answer within {} ms", limit.as_millis()),
    )
}

/// Whether a command about many sessions may have failed for the sake of one.
pub fn blames_a_session(failure: &Failure) -> bool {
    let refused = matches!(
        failure.code,
        Code::Server | Code::SessionValue | Code::SessionTooLarge
    );
    let blames_none = |code| BLAMES_NO_SESSION.contains(&code);
    refused && !failure.mongo_code.is_some_and(blames_none)
}
