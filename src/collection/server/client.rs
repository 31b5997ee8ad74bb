//! The driver's client of one store.

use std::sync::Arc;

use mongodb::Client;
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use mongodb::options::{ClientOptions, ServerMonitoringMode};

use super::{Availability, cause, tls};
use crate::collection::command::sent;
use crate::collection::failure;
use crate::error::Failure;
use crate::options::{DEFAULT_MAX_POOL_SIZE, Options};
use crate::stats::Stats;

/// Resolves the connection string (SRV records need DNS) and makes the client, which connects by
/// itself.
pub async fn make_client(
    options: &Options,
    availability: &Availability,
    stats: &Arc<Stats>,
) -> Result<(Client, ClientOptions), Failure> {
    let connection_string = options.connection_string.clone();
    availability.resolving(&connection_string);
    let mut client_options = match ClientOptions::parse(connection_string).await {
        Ok(client_options) => client_options,
        Err(error) => {
            availability.unresolved(cause::of_resolution(&error, &options.connection_string));
            return Err(failure::sort(&error).failure);
        }
    };
    client_options.server_api = options.server_api.clone();
    // An operation that finds no server asks for a check at once, which a poll answers. A stream
    // has nothing to say until the server's own state changes, for up to ten seconds.
    (client_options.server_monitoring_mode).get_or_insert(ServerMonitoringMode::Poll);
    // The driver sets no limit to the handshake of a connection. One that is never answered must
    // not use up what may be opened at a time; batches limit that by themselves.
    let most = *client_options
        .max_pool_size
        .get_or_insert(DEFAULT_MAX_POOL_SIZE);
    (client_options.max_connecting).get_or_insert(if most == 0 {
        DEFAULT_MAX_POOL_SIZE
    } else {
        most
    });
    if client_options.selection_criteria.is_some() {
        // Whether any server fits what is asked for only the driver knows: it has to say so before the
        // operation's own time is over.
        let limit = options
            .server_selection_timeout
            .min(options.timeout * 9 / 10);
        client_options.server_selection_timeout = Some(limit);
    }
    tls::check(&client_options)?;
    availability.resolved(&client_options);
    let watched = availability.clone();
    client_options.sdam_event_handler =
        Some(EventHandler::callback(move |event| watched.watch(event)));
    let counts = stats.clone();
    client_options.cmap_event_handler =
        Some(EventHandler::callback(move |event| note(event, &counts)));
    let client = Client::with_options(client_options.clone());
    let client = client.map_err(|error| failure::sort(&error).failure)?;
    Ok((client, client_options))
}

/// What the driver tells of its connections.
fn note(event: CmapEvent, stats: &Stats) {
    match event {
        CmapEvent::ConnectionCheckedOut(_) => sent::note(),
        CmapEvent::ConnectionCreated(_) => stats.connect(),
        CmapEvent::ConnectionClosed(_) => stats.disconnect(),
        _ => {}
    }
}
