//! The driver's client of one store, and whether a server is there.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ServerAddress, ServerMonitoringMode};
use mongodb::{Client, ServerType};

use crate::options::Options;

/// As in the official driver for Node.
const MAX_POOL_SIZE: u32 = 100;

/// Whether a server is there, as the driver's monitors see it, and how far away it is.
#[derive(Clone, Default)]
pub struct Availability {
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    /// The servers that could take a write now.
    writable: HashSet<ServerAddress>,
    /// When it was last found whether there are such, and it was not as before.
    changed: Instant,
    /// The way to each server and back, as its monitor measures it. Follows the shortest: down at
    /// once, up slowly, since what takes longer is mostly a busy server or machine.
    round_trips: HashMap<ServerAddress, Duration>,
}

impl Default for Seen {
    fn default() -> Self {
        Seen {
            writable: HashSet::new(),
            changed: Instant::now(),
            round_trips: HashMap::new(),
        }
    }
}

impl Availability {
    pub fn is_available(&self) -> bool {
        !self.lock().writable.is_empty()
    }

    /// For how long no server has been there; zero while one is.
    pub fn absence(&self) -> Duration {
        let seen = self.lock();
        match seen.writable.is_empty() {
            true => seen.changed.elapsed(),
            false => Duration::ZERO,
        }
    }

    /// The way to the nearest server that could take a write, and back, where it was measured.
    pub fn round_trip(&self) -> Option<Duration> {
        let seen = self.lock();
        let measured = seen.writable.iter();
        let measured = measured.filter_map(|server| seen.round_trips.get(server));
        measured.min().copied()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, event: SdamEvent) {
        match event {
            SdamEvent::ServerDescriptionChanged(event) => {
                let takes_writes = takes_writes(event.new_description.server_type());
                self.lock().note(&event.address, takes_writes);
            }
            SdamEvent::ServerClosed(event) => {
                let mut seen = self.lock();
                seen.note(&event.address, false);
                seen.round_trips.remove(&event.address);
            }
            SdamEvent::ServerHeartbeatSucceeded(event) => {
                self.lock().measure(event.server_address, event.duration);
            }
            SdamEvent::ServerHeartbeatFailed(event) => {
                self.lock().round_trips.remove(&event.server_address);
            }
            _ => {}
        }
    }
}

impl Seen {
    fn measure(&mut self, server: ServerAddress, took: Duration) {
        let shortest = self.round_trips.entry(server).or_insert(took);
        *shortest = match took.checked_sub(*shortest) {
            Some(longer) => *shortest + longer / 16,
            None => took,
        };
    }

    fn note(&mut self, server: &ServerAddress, takes_writes: bool) {
        let was_absent = self.writable.is_empty();
        match takes_writes {
            true => self.writable.insert(server.clone()),
            false => self.writable.remove(server),
        };
        if self.writable.is_empty() != was_absent {
            self.changed = Instant::now();
        }
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

/// Resolves the connection string (SRV records need DNS) and makes the client, which connects by
/// itself when it is first used.
pub async fn make_client(
    options: &Options,
    availability: &Availability,
) -> mongodb::error::Result<(Client, ClientOptions)> {
    let mut client_options = ClientOptions::parse(options.connection_string.clone()).await?;
    client_options.server_api = options.server_api.clone();
    // An operation that finds no server asks for a check at once, which a poll answers. A stream
    // has nothing to say until the server's own state changes, for up to ten seconds.
    (client_options.server_monitoring_mode).get_or_insert(ServerMonitoringMode::Poll);
    // The driver sets no limit to the handshake of a connection. One that is never answered must
    // not use up what may be opened at a time; batches limit that by themselves.
    let most = *client_options.max_pool_size.get_or_insert(MAX_POOL_SIZE);
    (client_options.max_connecting).get_or_insert(if most == 0 { MAX_POOL_SIZE } else { most });
    let availability = availability.clone();
    client_options.sdam_event_handler = Some(EventHandler::callback(move |event| {
        availability.watch(event)
    }));
    let client = Client::with_options(client_options.clone())?;
    Ok((client, client_options))
}
