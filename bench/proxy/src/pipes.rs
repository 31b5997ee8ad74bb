//! The sockets in pairs, and the chunks on their way between them.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use polling::{Event, Events, Poller};

const LISTENER: usize = 0;

struct Side {
    stream: TcpStream,
    /// The key of the socket that gets what this one sends.
    peer: usize,
    /// What is due, but did not fit into the socket's buffer yet.
    backlog: VecDeque<u8>,
    /// What its peer sent has ended; the connection ends after the backlog.
    ending: bool,
}

/// A chunk for the socket `to`; an empty one is the end of the connection.
struct Chunk {
    due: Instant,
    to: usize,
    bytes: Vec<u8>,
}

struct Proxy {
    poller: Poller,
    listener: TcpListener,
    target: String,
    delay: Duration,
    sides: HashMap<usize, Side>,
    next_key: usize,
    under_way: VecDeque<Chunk>,
    buffer: Vec<u8>,
}

pub fn forward(listener: TcpListener, target: &str, delay: Duration) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let poller = Poller::new()?;
    // Safety: the listener is never dropped while the poller lives.
    unsafe { poller.add(&listener, Event::readable(LISTENER))? };
    let mut proxy = Proxy {
        poller,
        listener,
        target: target.to_string(),
        delay,
        sides: HashMap::new(),
        next_key: LISTENER + 1,
        under_way: VecDeque::new(),
        buffer: vec![0; 256 * 1024],
    };
    let mut events = Events::new();
    loop {
        let wait = proxy.deliver_what_is_due();
        events.clear();
        proxy.poller.wait(&mut events, wait)?;
        for event in events.iter() {
            proxy.handle(event)?;
        }
    }
}

impl Proxy {
    /// Returns how long until the next chunk is due.
    fn deliver_what_is_due(&mut self) -> Option<Duration> {
        while let Some(chunk) = self.under_way.front() {
            let wait = chunk.due.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                return Some(wait);
            }
            if let Some(chunk) = self.under_way.pop_front() {
                self.deliver(chunk);
            }
        }
        None
    }

    fn deliver(&mut self, chunk: Chunk) {
        let Some(side) = self.sides.get_mut(&chunk.to) else {
            return;
        };
        side.ending |= chunk.bytes.is_empty();
        side.backlog.extend(chunk.bytes);
        self.drain(chunk.to);
    }

    fn handle(&mut self, event: Event) -> io::Result<()> {
        if event.key == LISTENER {
            while let Ok((client, _)) = self.listener.accept() {
                self.join(client)?;
            }
            return self
                .poller
                .modify(&self.listener, Event::readable(LISTENER));
        }
        if event.writable {
            self.drain(event.key);
        }
        if event.readable {
            self.read(event.key);
        }
        self.watch(event.key);
        Ok(())
    }

    fn join(&mut self, client: TcpStream) -> io::Result<()> {
        // A server that is gone closes the connection, as it would without the proxy.
        let Ok(server) = TcpStream::connect(&self.target) else {
            return Ok(());
        };
        let (first, second) = (self.next_key, self.next_key + 1);
        self.next_key += 2;
        self.add(first, client, second)?;
        self.add(second, server, first)
    }

    fn add(&mut self, key: usize, stream: TcpStream, peer: usize) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        // Safety: `close` takes it out of the poller before it is dropped.
        unsafe { self.poller.add(&stream, Event::readable(key))? };
        let side = Side {
            stream,
            peer,
            backlog: VecDeque::new(),
            ending: false,
        };
        self.sides.insert(key, side);
        Ok(())
    }

    /// One chunk for each time that there is something: the rest brings another event.
    fn read(&mut self, key: usize) {
        let Some(side) = self.sides.get_mut(&key) else {
            return;
        };
        let length = match side.stream.read(&mut self.buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => 0,
        };
        self.under_way.push_back(Chunk {
            due: Instant::now() + self.delay,
            to: side.peer,
            bytes: self.buffer[..length].to_vec(),
        });
        if length == 0 {
            self.close(key);
        }
    }

    fn drain(&mut self, key: usize) {
        let Some(side) = self.sides.get_mut(&key) else {
            return;
        };
        while !side.backlog.is_empty() {
            match side.stream.write(side.backlog.as_slices().0) {
                Ok(length) => drop(side.backlog.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.close(key),
            }
        }
        if side.ending && side.backlog.is_empty() {
            self.close(key);
        } else if !side.backlog.is_empty() {
            self.watch(key);
        }
    }

    /// The poller reports a socket once and then waits to be told again.
    fn watch(&mut self, key: usize) {
        if let Some(side) = self.sides.get(&key) {
            let event = Event::new(key, true, !side.backlog.is_empty());
            let _ = self.poller.modify(&side.stream, event);
        }
    }

    fn close(&mut self, key: usize) {
        if let Some(side) = self.sides.remove(&key) {
            let _ = self.poller.delete(&side.stream);
            let _ = side.stream.shutdown(Shutdown::Both);
        }
    }
}
