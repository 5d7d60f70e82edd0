//! Connections: how many there may be, and how long each may keep us waiting.
//!
//! A client that is slow costs a connection and nothing else, and connections can be had back. One on which no request is under way
//! (half-open, or kept for a next request that does not come) is ended after a while, and at once when a new one finds all places taken:
//! the one that has waited longest goes. So however many sit there in silence, whoever speaks is heard.
//!
//! A request that is under way is bounded in each direction: its head must come in time, so must each part of its body, and what is
//! answered must be read. What a request costs beyond its connection is bounded where it is read and carried out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval_at};
use tower::ServiceExt;

use crate::app::App;

/// The largest head of a request: its first line and its headers. A larger one is answered 431.
const HEAD_BYTES: usize = 32 << 10;
/// The most headers that a request may have. With more it is answered 431.
const HEADERS: usize = 100;
/// How long nobody is let in after the system refused a connection, for example because too many files are open.
const BREATH: Duration = Duration::from_millis(200);

/// Serves a router until the appliance stops; what is under way is finished first.
pub async fn serve(app: App, router: Router, listener: TcpListener) -> io::Result<()> {
    let places = Places::new(app.config.limits.connections);
    let mut connections = JoinSet::new();
    let mut stopping = pin!(app.stopping());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut stopping => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_other_side(&error) => continue,
            Err(error) => {
                tracing::warn!("a connection could not be let in: {error}");
                places.free_one();
                // Elapses unless the appliance stops, which the loop sees.
                let _ = tokio::time::timeout(BREATH, app.stopping()).await;
                continue;
            }
        };
        let place = tokio::select! {
            place = places.take() => place,
            () = &mut stopping => break,
        };
        connections.spawn(converse(app.clone(), router.clone(), stream, peer, place));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

fn is_of_the_other_side(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// Answers the requests that come by one connection, one after another.
async fn converse(app: App, router: Router, stream: TcpStream, peer: SocketAddr, place: Place) {
    // Answers are small and written whole: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("a connection ended before it began: {error}");
        return;
    }
    let limits = app.config.limits;
    let place = Arc::new(place);
    let of_requests = Arc::clone(&place);
    let service = service_fn(move |request: Request<Incoming>| {
        let busy = Busy::begin(&of_requests);
        let mut request = request.map(|body| Body::new(InTime::new(body, limits.body_timeout)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| WhileSent { body, _busy: busy })) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout).max_header_size(HEAD_BYTES).max_headers(HEADERS);
    let stream = TokioIo::new(Heard { stream, patience: limits.write_timeout, waits: None });
    let mut connection = pin!(http.serve_connection(stream, service));
    let mut stopping = pin!(app.stopping());
    let mut is_ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection broke off: {error}");
                }
                return;
            }
            () = place.wanted.notified() => return,
            () = &mut stopping, if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The places for connections, and who sits on one in silence.
#[derive(Clone)]
struct Places {
    free: Arc<Semaphore>,
    silent: Arc<Silent>,
}

#[derive(Default)]
struct Silent {
    /// By when each fell silent, the first longest ago.
    connections: Mutex<Order>,
    /// Somebody fell silent.
    fell: Notify,
}

#[derive(Default)]
struct Order {
    next: u64,
    silent: BTreeMap<u64, Arc<Notify>>,
}

impl Silent {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn new(most: usize) -> Places {
        Places { free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))), silent: Arc::default() }
    }

    /// Takes a place, if need be from whoever has been silent longest.
    async fn take(&self) -> Place {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            // Registered before anybody is looked for: who falls silent in between is noticed.
            let mut fell = pin!(self.silent.fell.notified());
            fell.as_mut().enable();
            self.free_one();
            tokio::select! {
                permit = Arc::clone(&self.free).acquire_owned() => break permit.expect("the places are never closed"),
                () = fell => {}
            }
        };
        let wanted = Arc::new(Notify::new());
        let place = Place { silent: Arc::clone(&self.silent), wanted, since: Mutex::new(None), _permit: permit };
        place.falls_silent();
        place
    }

    /// Ends the connection that has been silent longest, if any is.
    fn free_one(&self) {
        if let Some((_, wanted)) = self.silent.lock().silent.pop_first() {
            wanted.notify_one();
        }
    }
}

/// A connection's place.
struct Place {
    silent: Arc<Silent>,
    /// Somebody else needs it.
    wanted: Arc<Notify>,
    /// Under which number it is silent.
    since: Mutex<Option<u64>>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn falls_silent(&self) {
        let mut order = self.silent.lock();
        let number = order.next;
        order.next += 1;
        order.silent.insert(number, Arc::clone(&self.wanted));
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
        drop(order);
        self.silent.fell.notify_one();
    }

    fn speaks(&self) {
        let mut order = self.silent.lock();
        if let Some(number) = self.since.lock().unwrap_or_else(PoisonError::into_inner).take() {
            order.silent.remove(&number);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.speaks();
    }
}

/// A request is under way on a connection, from its head to the end of its answer.
struct Busy(Arc<Place>);

impl Busy {
    fn begin(place: &Arc<Place>) -> Busy {
        place.speaks();
        Busy(Arc::clone(place))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.falls_silent();
    }
}

/// An answer's body, whose request is under way until it is sent.
struct WhileSent {
    body: Body,
    _busy: Busy,
}

impl HttpBody for WhileSent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A wait that is over at some time.
fn patience(span: Duration) -> Interval {
    interval_at(Instant::now() + span, span)
}

/// The next part of a body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct BodyLate;

/// A request's body, each part of which must come in time.
struct InTime {
    body: Incoming,
    span: Duration,
    waits: Option<Interval>,
}

impl InTime {
    fn new(body: Incoming, span: Duration) -> InTime {
        InTime { body, span, waits: None }
    }
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waits = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let span = self.span;
        ready!(self.waits.get_or_insert_with(|| patience(span)).poll_tick(cx));
        Poll::Ready(Some(Err(axum::Error::new(BodyLate))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream whose other side must read what is written to it.
struct Heard {
    stream: TcpStream,
    patience: Duration,
    waits: Option<Interval>,
}

impl Heard {
    fn in_time<T>(&mut self, written: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waits = None;
            return written;
        }
        let span = self.patience;
        ready!(self.waits.get_or_insert_with(|| patience(span)).poll_tick(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "what was answered is not read")))
    }
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(written, cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.in_time(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.in_time(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(closed, cx)
    }
}
