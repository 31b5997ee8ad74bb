//! Whether a server is there that takes writes, how far away it is, and what is wrong with those
//! that do not: as the driver's monitors see it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mongodb::ServerType;
use mongodb::error::{Error, ErrorKind};
use mongodb::event::sdam::{SdamEvent, ServerDescription};
use mongodb::options::{ClientOptions, ConnectionString, HostInfo, ServerAddress};
use tokio::sync::{Notify, watch};

use super::cause::{self, Asked};
use crate::collection::failure::{self, Sorted};
use crate::error::{Code, Failure};

const WIRE_VERSION_OF_5_0: i32 = 13;
const WIRE_VERSION_OF_6_0: i32 = 17;
const DEFAULT_PORT: u16 = 27017;

/// What the driver's monitors see of the servers. Cloned, it is the same.
#[derive(Clone)]
pub struct Availability {
    seen: Arc<Mutex<Seen>>,
    /// Since when no server takes writes; `None` while one does.
    absent_since: Arc<watch::Sender<Option<Instant>>>,
    asked: Arc<OnceLock<Asked>>,
    /// The driver watches the servers no more.
    ended: Arc<Notify>,
}

#[derive(Default)]
struct Seen {
    servers: HashMap<ServerAddress, Server>,
    /// Why the servers are not known: the name in a `mongodb+srv://` address does not resolve.
    unresolved: Option<String>,
}

#[derive(Default)]
struct Server {
    takes_writes: bool,
    wire_version: i32,
    /// The way there and back, as the monitor measures it. Follows the shortest: down at once, up
    /// slowly, since what takes longer is mostly a busy server or machine.
    round_trip: Option<Duration>,
    /// Whether it has ever answered as MongoDB does.
    has_answered: bool,
    /// What was wrong with it last.
    problem: Option<String>,
    /// Whether the driver has dropped it, since it does not fit.
    is_dropped: bool,
}

impl Default for Availability {
    fn default() -> Self {
        Availability {
            seen: Arc::default(),
            absent_since: Arc::new(watch::Sender::new(Some(Instant::now()))),
            asked: Arc::default(),
            ended: Arc::default(),
        }
    }
}

impl Availability {
    /// Whether all servers that take writes say, of a command that is sent again, which of its
    /// statements they had executed before (`retriedStmtIds`): MongoDB does since 5.0.
    pub fn names_repeated_statements(&self) -> bool {
        self.is_since(WIRE_VERSION_OF_5_0).unwrap_or(true)
    }

    /// Whether a collection may keep what a document was before it was changed: since 6.0. `None` while no
    /// server is there to tell.
    pub fn may_keep_pre_images(&self) -> Option<bool> {
        self.is_since(WIRE_VERSION_OF_6_0)
    }

    fn is_since(&self, wire_version: i32) -> Option<bool> {
        let seen = self.lock();
        let takers = seen.servers.values().filter(|server| server.takes_writes);
        takers
            .map(|server| server.wire_version >= wire_version)
            .reduce(|all, each| all && each)
    }

    pub fn is_available(&self) -> bool {
        self.absent_since.borrow().is_none()
    }

    /// For how long no server has been there; zero while one is.
    pub fn absence(&self) -> Duration {
        let since = *self.absent_since.borrow();
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Resolves when no server has been there for so long.
    pub async fn absent_for(&self, patience: Duration) {
        let mut changes = self.absent_since.subscribe();
        loop {
            let left = match *changes.borrow_and_update() {
                None => Duration::MAX,
                Some(since) => patience.saturating_sub(since.elapsed()),
            };
            if left.is_zero() {
                return;
            }
            // Its sender is part of this.
            let _ = tokio::time::timeout(left, changes.changed()).await;
        }
    }

    /// Resolves when a server is there.
    pub async fn present(&self) {
        let mut changes = self.absent_since.subscribe();
        let _ = changes.wait_for(Option::is_none).await;
    }

    /// Resolves when the driver has closed the connections to all servers.
    pub async fn ended(&self) {
        self.ended.notified().await;
    }

    /// The way to the nearest server that could take a write, and back, where it was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        let seen = self.lock();
        let takers = seen.servers.values().filter(|server| server.takes_writes);
        takers.filter_map(|server| server.round_trip).min()
    }

    /// For each server that does not take writes, what was wrong with it last. `None` if nothing is
    /// known to be.
    pub fn causes(&self) -> Option<String> {
        let seen = self.lock();
        // The driver drops all, where none fits.
        let all_dropped = seen.servers.values().all(|server| server.is_dropped);
        let listed = (seen.servers.iter()).filter(|(_, server)| server.is_dropped == all_dropped);
        let mut causes: Vec<String> = listed
            .filter(|(_, server)| !server.takes_writes)
            .map(|(address, server)| {
                let problem = server
                    .problem
                    .as_deref()
                    .unwrap_or(match server.has_answered {
                        true => "answers, but not as one of the replica set that was there before",
                        false => "no answer yet",
                    });
                format!("{}: {problem}", self.name(address))
            })
            .chain(seen.unresolved.clone())
            .collect();
        causes.sort();
        (!causes.is_empty()).then(|| causes.join("; "))
    }

    /// What an operation fails with that found no server.
    pub fn unavailable(&self) -> Failure {
        failure::unavailable(self.causes())
    }

    /// Sorts an error. Who is told that MongoDB is away is told why.
    pub fn sort(&self, error: &Error) -> Sorted {
        match *error.kind {
            ErrorKind::Io(_) | ErrorKind::DnsResolve { .. } => self.hear(Some(error)),
            ErrorKind::Command(_) => self.hear(None),
            _ => {}
        }
        let mut sorted = failure::sort(error);
        if sorted.failure.code == Code::Unavailable
            && let Some(asked) = self.asked.get()
        {
            // While the monitors see nothing wrong, it is this connection.
            sorted.failure.cause = Some(cause::of_error(error, asked, true));
        }
        Sorted {
            failure: self.retell(sorted.failure),
            ..sorted
        }
    }

    /// Gives a failure that is told some time after it was sorted the causes of now.
    pub fn retell(&self, failure: Failure) -> Failure {
        match failure.code {
            Code::Unavailable if !self.is_available() => Failure {
                cause: self.causes(),
                ..failure
            },
            _ => failure,
        }
    }

    /// An operation was answered.
    pub fn answered(&self) {
        self.hear(None);
    }

    /// Nobody monitors servers behind a load balancer: there the operations tell.
    fn hear(&self, error: Option<&Error>) {
        let Some(asked) = self.asked.get().filter(|asked| asked.is_balanced) else {
            return;
        };
        let mut seen = self.lock();
        for server in seen.servers.values_mut() {
            let has_answered = server.has_answered;
            server.problem = error.map(|error| cause::of_error(error, asked, has_answered));
            server.takes_writes = error.is_none();
            server.has_answered |= error.is_none();
        }
        self.update(seen);
    }

    /// Also where the connection does not name it, but another server does.
    fn name(&self, address: &ServerAddress) -> String {
        let name = match address {
            ServerAddress::Tcp { host, port } if host.contains(':') => {
                format!("[{host}]:{}", port.unwrap_or(DEFAULT_PORT))
            }
            _ => address.to_string(),
        };
        match self.asked.get() {
            Some(asked) if !asked.seeds.contains(address) => {
                format!("{name} (so named by the other servers)")
            }
            _ => name,
        }
    }

    /// What is asked for is known as soon as the address is resolved.
    pub fn resolved(&self, options: &ClientOptions) {
        let _ = self.asked.set(Asked::of(options));
        self.lock().unresolved = None;
    }

    /// The servers are to be found by the DNS.
    pub fn resolving(&self, connection_string: &ConnectionString) {
        if let HostInfo::DnsRecord(host) = &connection_string.host_info {
            let unresolved = &mut self.lock().unresolved;
            unresolved.get_or_insert_with(|| format!("{host}: no answer of the DNS yet"));
        }
    }

    pub fn unresolved(&self, cause: String) {
        self.lock().unresolved = Some(cause);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a monitor tells. The events come one after the other.
    pub fn watch(&self, event: SdamEvent) {
        let Some(asked) = self.asked.get() else {
            return;
        };
        let mut seen = self.lock();
        match event {
            SdamEvent::ServerOpening(event) => {
                seen.server(&event.address).is_dropped = false;
            }
            SdamEvent::ServerDescriptionChanged(event) => {
                seen.server(&event.address)
                    .describe(&event.new_description, asked);
            }
            SdamEvent::ServerClosed(event) => {
                let server = seen.server(&event.address);
                server.is_dropped = true;
                server.takes_writes = false;
                server.round_trip = None;
            }
            SdamEvent::ServerHeartbeatSucceeded(event) => {
                let server = seen.server(&event.server_address);
                server.has_answered = true;
                // One that calls itself the primary may be none to the driver, which has said why.
                if let Some(problem) = cause::of_answer(&event.reply, asked) {
                    server.problem = Some(problem);
                }
                server.measure(event.duration);
            }
            SdamEvent::ServerHeartbeatFailed(event) => {
                let server = seen.server(&event.server_address);
                server.problem = Some(cause::of_error(&event.failure, asked, server.has_answered));
                server.round_trip = None;
            }
            SdamEvent::TopologyClosed(_) => return self.ended.notify_one(),
            _ => return,
        }
        self.update(seen);
    }

    /// Sees whether a server is there now.
    fn update(&self, mut seen: MutexGuard<'_, Seen>) {
        let takes_writes = seen.servers.values().any(|server| server.takes_writes);
        if takes_writes {
            seen.servers.retain(|_, server| !server.is_dropped);
        }
        drop(seen);
        self.absent_since.send_if_modified(|since| {
            let changes = since.is_none() != takes_writes;
            if changes {
                *since = (!takes_writes).then(Instant::now);
            }
            changes
        });
    }
}

impl Seen {
    fn server(&mut self, address: &ServerAddress) -> &mut Server {
        self.servers.entry(address.clone()).or_default()
    }
}

impl Server {
    fn describe(&mut self, description: &ServerDescription, asked: &Asked) {
        match description.error() {
            // It is there: it refused to sign somebody in. That is told by the operation.
            Some(error) if matches!(*error.kind, ErrorKind::Authentication { .. }) => return,
            Some(error) => {
                self.problem = Some(cause::of_error(error, asked, self.has_answered));
            }
            None => {}
        }
        // The driver asks none at all, while it knows one that is too old.
        let version = description.max_wire_version();
        let is_spoken = version.is_none_or(|version| version >= cause::OLDEST_PROTOCOL);
        self.takes_writes = takes_writes(description.server_type()) && is_spoken;
        if self.takes_writes {
            self.problem = None;
        }
        self.wire_version = description.max_wire_version().unwrap_or_default();
    }

    fn measure(&mut self, took: Duration) {
        let shortest = self.round_trip.unwrap_or(took);
        self.round_trip = Some(match took.checked_sub(shortest) {
            Some(longer) => shortest + longer / 16,
            None => took,
        });
    }
}

fn takes_writes(server: ServerType) -> bool {
    matches!(
        server,
        ServerType::Standalone
            | ServerType::Mongos
            | ServerType::RsPrimary
            | ServerType::LoadBalancer
    )
}
