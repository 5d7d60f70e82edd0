//! Connections: how many there may be, and how long each may keep us waiting.
//!
//! A client that is slow costs a connection and nothing else, and connections can be had back. One on which no request is under way
//! (half-open, or kept for a next request that does not come) is ended after a while, and at once when a new one finds all places taken:
//! for each newcomer one goes, the one that has waited longest (`places`). So however many sit there in silence, whoever speaks is
//! heard, and whoever is answered gets the answer whole: a request is under way until the last byte of its answer was handed to the
//! system.
//!
//! A request that is under way is bounded in each direction: its head must come in time, so must each part of its body, and what is
//! answered must be read. What a request costs beyond its connection is bounded where it is read and carried out.
//!
//! The server ends when its connections have, and the requests with a key ([`repeat`](super::repeat)), which do not end with theirs.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
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
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval_at};
use tower::ServiceExt;

use crate::app::App;
use places::{Answer, Busy, Place, Places};

mod places;

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
    app.under_way.ended().await;
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
        async move { Ok::<_, Infallible>(answer.await?.map(|body| Answer { body, _busy: busy })) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout).max_header_size(HEAD_BYTES).max_headers(HEADERS);
    let stream = TokioIo::new(Heard { place: Arc::clone(&place), stream, patience: limits.write_timeout, waits: None });
    let mut connection = pin!(http.serve_connection(stream, service));
    let mut stopping = pin!(app.stopping());
    let mut is_ending = false;
    loop {
        tokio::select! {
            // What has come is heard before the connection is ended.
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!("a connection broke off: {error}");
                }
                return;
            }
            () = place.is_to_go() => return,
            () = &mut stopping, if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
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
    place: Arc<Place>,
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
        let flushed = self.in_time(flushed, cx);
        // hyper flushes what it has written whole.
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.place.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let closed = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(closed, cx)
    }
}
