//! The sockets: what arrives is answered at once, all of it by one thread.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use polling::{Event, Events, PollMode, Poller};

use crate::commands::Server;
use crate::messages;

const LISTENER: usize = 0;
const ROOM: usize = 256 * 1024;

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Answers that are not sent yet.
    answers: Vec<u8>,
    waits_for_room: bool,
}

pub fn serve(listener: TcpListener, mut server: Server) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let poller = Poller::new()?;
    // Safety: the listener is never dropped while the poller lives.
    unsafe { poller.add_with_mode(&listener, Event::readable(LISTENER), PollMode::Level)? };
    let mut connections = HashMap::new();
    let mut next_key = LISTENER + 1;
    let mut events = Events::new();
    let mut room = vec![0; ROOM];
    loop {
        events.clear();
        poller.wait(&mut events, None)?;
        for event in events.iter() {
            if event.key == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    connections.insert(next_key, accept(stream, &poller, next_key)?);
                    next_key += 1;
                }
                continue;
            }
            let Some(connection) = connections.get_mut(&event.key) else {
                continue;
            };
            if connection.handle(&mut server, &mut room).is_err() {
                poller.delete(&connection.stream)?;
                connections.remove(&event.key);
            } else {
                connection.watch(&poller, event.key)?;
            }
        }
    }
}

fn accept(stream: TcpStream, poller: &Poller, key: usize) -> io::Result<Connection> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    // Safety: `serve` takes it out of the poller before it is dropped.
    unsafe { poller.add_with_mode(&stream, Event::readable(key), PollMode::Level)? };
    Ok(Connection {
        stream,
        received: Vec::new(),
        answers: Vec::new(),
        waits_for_room: false,
    })
}

impl Connection {
    /// Fails where the connection has ended.
    fn handle(&mut self, server: &mut Server, room: &mut [u8]) -> io::Result<()> {
        match self.stream.read(room) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => self.received.extend_from_slice(&room[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let mut done = 0;
        while let Some((message, length)) = messages::split(&self.received[done..]) {
            server.handle(&message, &mut self.answers);
            done += length;
        }
        self.received.drain(..done);
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.answers.len() {
            match self.stream.write(&self.answers[sent..]) {
                Ok(length) => sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.answers.drain(..sent);
        Ok(())
    }

    fn watch(&mut self, poller: &Poller, key: usize) -> io::Result<()> {
        let waits_for_room = !self.answers.is_empty();
        if waits_for_room == self.waits_for_room {
            return Ok(());
        }
        self.waits_for_room = waits_for_room;
        let event = Event::new(key, true, waits_for_room);
        poller.modify_with_mode(&self.stream, event, PollMode::Level)
    }
}
