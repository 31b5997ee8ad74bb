//! The driver's client of one store, and whether a server is there.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ServerAddress, ServerMonitoringMode};
use mongodb::{Client, ServerType};

use crate::options::Options;

/// The servers that could take a write now, as the driver's monitors see them.
#[derive(Clone, Default)]
pub struct Availability {
    servers: Arc<Mutex<HashSet<ServerAddress>>>,
}

impl Availability {
    pub fn is_available(&self) -> bool {
        !self.lock().is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<ServerAddress>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, event: SdamEvent) {
        match event {
            SdamEvent::ServerDescriptionChanged(event) => {
                if takes_writes(event.new_description.server_type()) {
                    self.lock().insert(event.address.clone());
                } else {
                    self.lock().remove(&event.address);
                }
            }
            SdamEvent::ServerClosed(event) => {
                self.lock().remove(&event.address);
            }
            _ => {}
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
    let availability = availability.clone();
    client_options.sdam_event_handler = Some(EventHandler::callback(move |event| {
        availability.watch(event)
    }));
    let client = Client::with_options(client_options.clone())?;
    Ok((client, client_options))
}
