//! A TCP proxy that adds a round trip: `round-trip-proxy TARGET MILLISECONDS`.
//!
//! Every chunk is held back for half of the round trip, in each direction. All of it is one thread
//! that sleeps until a socket or the next chunk is due: it must not take the processor away from
//! what is being measured. The delay is the same for every chunk, so the chunks under way are a
//! plain queue. `polling` waits with a precision of nanoseconds, where an `epoll` of its own or
//! Tokio's timers would round to milliseconds.
//!
//! Prints its address; ends when its standard input closes.

mod pipes;

use std::env;
use std::io::{self, Read};
use std::net::TcpListener;
use std::process;
use std::thread;
use std::time::Duration;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (target, round_trip) = match (arguments.next(), arguments.next()) {
        (Some(target), Some(round_trip)) => (target, round_trip),
        _ => usage(),
    };
    let Ok(milliseconds) = round_trip.parse::<f64>() else {
        usage()
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    pipes::forward(
        listener,
        &target,
        Duration::from_secs_f64(milliseconds / 2000.0),
    )
}

fn usage() -> ! {
    eprintln!("usage: round-trip-proxy HOST:PORT MILLISECONDS");
    process::exit(2)
}
