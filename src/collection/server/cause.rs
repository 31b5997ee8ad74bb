//! What was wrong with a server, in the store's own words. What the driver and the server say about
//! it may repeat what nobody is to see, so only kinds of errors and numbers are looked at.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use mongodb::bson::Document;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ConnectionString, HostInfo, ServerAddress, Tls};

use super::tls;
use crate::collection::failure;

/// The driver's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The protocols that the driver speaks, as servers number them: MongoDB 4.4 has the oldest.
pub const OLDEST_PROTOCOL: i32 = 9;

/// Too many open files, in the process or on the machine.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// What the connection asks of its servers.
pub struct Asked {
    pub seeds: HashSet<ServerAddress>,
    /// `loadBalanced`
    pub is_balanced: bool,
    replica_set: Option<String>,
    connect_timeout: Duration,
    tls: tls::Asked,
}

impl Asked {
    pub fn of(options: &ClientOptions) -> Self {
        Asked {
            seeds: options.hosts.iter().map(lower_case).collect(),
            is_balanced: options.load_balanced == Some(true),
            replica_set: options.repl_set_name.clone(),
            connect_timeout: options.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            tls: match &options.tls {
                Some(Tls::Enabled(options)) => tls::Asked::On {
                    own_authority: options.ca_file_path.is_some(),
                    client_certificate: options.cert_key_file_path.is_some(),
                },
                _ => tls::Asked::Off,
            },
        }
    }
}

/// As the driver has them once it has heard of them.
fn lower_case(address: &ServerAddress) -> ServerAddress {
    let mut address = address.clone();
    if let ServerAddress::Tcp { host, .. } = &mut address {
        host.make_ascii_lowercase();
    }
    address
}

/// Why a server did not answer the driver's monitor, or why the driver has given it up.
pub fn of_error(error: &Error, asked: &Asked, has_answered: bool) -> String {
    match error.kind.as_ref() {
        ErrorKind::Io(io) => of_io(io, asked, has_answered),
        ErrorKind::DnsResolve { .. } => UNRESOLVED.into(),
        ErrorKind::Command(refusal) if failure::is_no_primary(refusal.code) => format!(
            "is not the primary, or is stopping ({}, code {})",
            code_name(&refusal.code_name),
            refusal.code
        ),
        ErrorKind::Command(refusal) => format!(
            "refused the driver's greeting ({}, code {})",
            code_name(&refusal.code_name),
            refusal.code
        ),
        ErrorKind::InvalidResponse { message, .. } if message.contains("stale") => {
            "is a former primary".into()
        }
        ErrorKind::InvalidResponse { message, .. }
            if message.contains("invalid server response") =>
        {
            "refused the driver's greeting without a code, or answered as no MongoDB does".into()
        }
        ErrorKind::InvalidResponse { .. } | ErrorKind::Bson(_) => {
            "does not answer as MongoDB does: it seems to be another program".into()
        }
        // So the driver says of a direct connection.
        ErrorKind::InvalidArgument { .. } => match &asked.replica_set {
            Some(name) => format!("does not belong to the replica set {name:?} (`replicaSet`)"),
            None => UNKNOWN.into(),
        },
        ErrorKind::IncompatibleServer { .. } => UNBALANCED.into(),
        ErrorKind::ServerSelection { .. } => {
            "no server fits what the operation asks for (`readPreference`)".into()
        }
        ErrorKind::ConnectionPoolCleared { .. } => "another operation broke the connection".into(),
        _ => UNKNOWN.into(),
    }
}

const UNRESOLVED: &str = "its name does not resolve (DNS)";
const UNKNOWN: &str = "the connection failed";
const UNBALANCED: &str = "is not behind a load balancer (`loadBalanced`)";

fn of_io(error: &io::Error, asked: &Asked, has_answered: bool) -> String {
    use io::ErrorKind::*;
    let beneath = error.get_ref();
    if let Some(tls) = beneath.and_then(|error| error.downcast_ref::<rustls::Error>()) {
        return tls::cause(tls, asked.tls);
    }
    // The standard library says so, and has no kind for it.
    if error.to_string().starts_with("failed to lookup address") {
        return UNRESOLVED.into();
    }
    match error.kind() {
        ConnectionRefused => "refused the connection (ECONNREFUSED)".into(),
        TimedOut => {
            let limit = asked.connect_timeout.as_millis();
            let hint = match (has_answered, asked.tls) {
                (false, tls::Asked::On { .. }) => "; perhaps it expects no TLS",
                _ => "",
            };
            format!("did not answer within {limit} ms (`connectTimeoutMS`){hint}")
        }
        HostUnreachable => "no way leads there (EHOSTUNREACH)".into(),
        NetworkUnreachable => "no way leads there (ENETUNREACH)".into(),
        NetworkDown => "the network is down (ENETDOWN)".into(),
        PermissionDenied => "this system does not allow the connection (EACCES)".into(),
        NotFound => "there is no such socket (ENOENT)".into(),
        AddrNotAvailable => "this system has no port left for a connection (EADDRNOTAVAIL)".into(),
        ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected | UnexpectedEof => {
            match (has_answered, asked.tls) {
                (true, _) => "closed the connection".into(),
                (false, tls) => {
                    format!("closed the connection without an answer{}", tls.if_closed())
                }
            }
        }
        _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE)) => {
            "this process cannot open more connections: too many open files (EMFILE)".into()
        }
        kind => format!("the connection failed ({kind})"),
    }
}

/// Why a server that answers the driver's monitor does not take writes; `None` if it does.
pub fn of_answer(hello: &Document, asked: &Asked) -> Option<String> {
    let is = |field| hello.get_bool(field).unwrap_or(false);
    let set_name = hello.get_str("setName").ok();
    let speaks = hello.get_i32("maxWireVersion").unwrap_or(0);
    if speaks < OLDEST_PROTOCOL {
        return Some("is older than MongoDB 4.4, or answers as if it were".into());
    }
    match (&asked.replica_set, set_name) {
        (Some(name), Some(actual)) if name != actual => Some(format!(
            "belongs to the replica set {actual:?}, not {name:?} (`replicaSet`)"
        )),
        (Some(name), None) if !is("isreplicaset") => Some(format!(
            "belongs to no replica set, so not to {name:?} (`replicaSet`)"
        )),
        _ if is("isreplicaset") => {
            Some("its replica set is not initiated, or does not know it".into())
        }
        _ if is("isWritablePrimary") || is("ismaster") => None,
        (_, Some(_)) if is("secondary") => Some("is a secondary, which takes no writes".into()),
        (_, Some(_)) if is("arbiterOnly") => Some("is an arbiter, which keeps no data".into()),
        (_, Some(_)) => Some("is a member that is starting, recovering or leaving".into()),
        (_, None) => Some("takes no writes".into()),
    }
}

/// Why the driver could not make out the servers of a connection string.
pub fn of_resolution(error: &Error, connection_string: &ConnectionString) -> String {
    let HostInfo::DnsRecord(host) = &connection_string.host_info else {
        return UNKNOWN.into();
    };
    let ErrorKind::DnsResolve { message, .. } = error.kind.as_ref() else {
        return format!("{host}: {UNKNOWN}");
    };
    let says = |words: &str| message.contains(words);
    let problem = match () {
        () if says("TXT") => {
            "its TXT record has what it must not: one record may name authSource, replicaSet and \
             loadBalanced"
        }
        () if says("does not match domain") => "its SRV record names a host of another domain",
        () if says("no record") || says("no records") => "it has no SRV record (DNS)",
        () if says("timed out") || says("timeout") => "the DNS does not answer",
        () => "its SRV record cannot be looked up (DNS)",
    };
    format!("{host}: {problem}")
}

pub fn code_name(name: &str) -> &str {
    match name.is_empty() {
        true => "no name",
        false => name,
    }
}
