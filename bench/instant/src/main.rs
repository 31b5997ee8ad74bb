//! A server that takes hardly any time: it speaks as much of MongoDB's protocol as the stores of the
//! benchmark need, and keeps their sessions in a hash map. What is measured with it shows what the
//! client's side can do; it says nothing about MongoDB.
//!
//! It knows `find`, `update`, `delete` and `findAndModify` by `_id`, and transaction numbers as a
//! MongoDB heeds them, since stores ask for those. It presents itself as a replica set of one. Nothing
//! expires, nothing reaches a disk, write concerns and read concerns are taken and mean nothing. What
//! it does not know it refuses. It trusts its clients: a malformed message ends it.
//!
//! One thread serves all connections, so nothing has to be locked. Prints its address; ends when its
//! standard input closes.

mod bson;
mod change;
mod commands;
mod connections;
mod data;
mod filter;
mod messages;
mod numbers;
mod refusal;
mod writes;

use std::io::{self, Read};
use std::net::TcpListener;
use std::process;
use std::thread;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    println!("{address}");
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    connections::serve(listener, commands::Server::new(address))
}
