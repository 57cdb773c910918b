//! Serves the metrics over HTTP, so that neither a slow client nor a slow scrape holds up the daemon.

use super::Sample;
use super::exposition::{CONTENT_TYPE, exposition};
use crate::server::Stalled;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;

/// What the metrics come from.
pub(crate) trait Source: Send + Sync {
    /// What is counted. Called on a thread of its own, so it may wait for the machines.
    fn sample(&self) -> Sample;

    /// One line on what goes on. Called from the main loop.
    fn health(&self) -> Result<String, Stalled>;
}

/// Connections served at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 16;

/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may last, a slow reader's included.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a scrape waits for the sample before the client is told to come back.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait after the system had no descriptor for a connection.
const RETRY_ACCEPT: Duration = Duration::from_millis(200);

/// Answers requests for ever.
pub(crate) async fn serve(listener: TcpListener, source: Arc<dyn Source>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // One at a time: what asks faster than samples are taken must not take all threads for it.
    let scraping = Arc::new(Semaphore::new(1));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let scraper = Scraper { source: Arc::clone(&source), scraping: Arc::clone(&scraping) };
                tokio::spawn(serve_connection(stream, scraper, place));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a metrics connection");
                time::sleep(RETRY_ACCEPT).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, scraper: Scraper, _place: OwnedSemaphorePermit) {
    let service = service_fn(|request| scraper.answer(request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT).keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    match time::timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a metrics connection broke"),
        Err(_) => tracing::debug!("a metrics client took too long"),
    }
}

/// Takes samples for requests.
struct Scraper {
    source: Arc<dyn Source>,
    scraping: Arc<Semaphore>,
}

impl Scraper {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let known = matches!(request.uri().path(), "/metrics" | "/healthz");
        Ok(match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => self.metrics().await,
            (&Method::GET, "/healthz") => self.health(),
            _ if known => {
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
                response
            }
            _ => plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n"),
        })
    }

    /// The sample may have to wait for the machines, so it is taken on a thread of its own.
    async fn metrics(&self) -> Response<Full<Bytes>> {
        let scrape = async {
            let turn = Arc::clone(&self.scraping).acquire_owned().await.ok()?;
            let source = Arc::clone(&self.source);
            let text = tokio::task::spawn_blocking(move || {
                // Held until the sample is there, even if the client has gone: a stuck machine costs one thread, not many.
                let _turn = turn;
                exposition(source.sample())
            });
            text.await.ok()
        };
        match time::timeout(SAMPLE_TIMEOUT, scrape).await {
            Ok(Some(text)) => {
                let mut response = Response::new(Full::new(Bytes::from(text)));
                response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
                response
            }
            Ok(None) => plain(StatusCode::INTERNAL_SERVER_ERROR, "taking the sample failed\n"),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the machines do not answer in time\n"),
        }
    }

    fn health(&self) -> Response<Full<Bytes>> {
        match self.source.health() {
            Ok(line) => plain(StatusCode::OK, &format!("{line}\n")),
            Err(stalled) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("{stalled}\n")),
        }
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE_HEADER, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
