"""gunicorn settings. nginx.conf is the other half: change the two together (tests/deploy checks that they agree).

What the signals to the master do, started by serve.py:

- HUP (`wz reload`) reads this file again and replaces the workers one by one by new ones with the code on disk. Nobody
  waits, and the master stays. With gunicorn's own command, all old workers end while the new ones import the app.
- USR2 executes a second master beside the first, on the same socket: TERM to the first ends the change, TERM to the
  second takes it back. It renews Python, gunicorn and serve.py, too, but the process id changes: systemd, honcho and
  `wz up` take that for the end of the service. So it is for a master that nobody watches.
- WINCH does nothing, unless gunicorn was started with --daemon: then it ends the workers and keeps the master.
- TERM ends all, after their requests under way; QUIT and INT cut these off.
- `preload_app` would import the app in the master. Forks share its memory, but HUP then loads no new code at all.
"""

import os
import select
import shutil
from contextlib import suppress
from pathlib import Path

wsgi_app = "handlers.wsgi:app"
pythonpath = str(Path(__file__).parents[1])  # the checkout, which holds handlers/ and pipeline/; they are not installed

# -- the socket ------------------------------------------------------------------------------------------------------

# `upstream wz` in nginx.conf. A unix socket, so that file rights say who may connect, and no port is taken.
bind = "unix:" + os.environ.get("WZ_SOCKET", "/run/wz/gunicorn.sock")
umask = 0o077  # mode bits taken off that socket: it is for the user who runs both gunicorn and nginx
pidfile = str(Path(bind.removeprefix("unix:")).with_name("gunicorn.pid"))  # for `wz reload`
backlog = 1024  # connections waiting for a worker; nginx answers 503 beyond it. Linux caps it at net.core.somaxconn

# -- processes and threads -------------------------------------------------------------------------------------------

# Processes. One a core, as Python code runs on one core a process; the threads below fill the waits for Redis, so
# more would only take memory. A container sees its host's cores: set WEB_CONCURRENCY there.
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
# `python -m bench.gunicorn` compares the kinds of workers; the ratios here are of two processes on two busy cores.
# Ours, whose threads wait for connections themselves, takes 0.85 of gthread's processor time for a GET of a board's
# member, 0.7 for a raw WSGI app, and serves 1.2 times as many. sync takes a third more than ours, gevent about the
# same. What differs most is what happens beside other work: with fewer threads than clients that wait for events (sync
# has one), short requests wait as long as these do, and with gevent they wait for a bulk load, as its requests take
# turns only where they wait.
worker_class = "deploy.epoll.EpollWorker" if hasattr(select, "epoll") else "deploy.worker.Worker"
# Threads of a process. A long poll or an event stream keeps one for as long as it lasts: at most MAX_READERS do, and as
# many are left. With 4 instead of 16, for about the same processor time, the slowest hundredth of short requests took
# fifty times as long beside 8 long polls, and twice as long beside two bulk loads. A second gunicorn for bulk loads and
# readers, beside one with 4, halves what they take beside bulk loads, which then take 1.8 times as long. That is worth
# its processes, its upstream and its unit only where bulk loads are usual.
threads = 16
worker_connections = 1000  # a process; kept-alive ones count, so it must exceed `keepalive` of nginx.conf
preload_app = False  # each worker imports the app after the fork, so no two share a Redis connection
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # heartbeats: in memory, a slow disk can't block

# -- times -----------------------------------------------------------------------------------------------------------

# Seconds without a heartbeat until a worker is killed: below nginx's proxy_read_timeout (25 s), so that a worker that
# hangs as a whole is killed and logged here first. A worker's heartbeat goes on while one handler is slow;
# that request is ended by nginx, with 504.
timeout = 20
graceful_timeout = 15  # seconds for requests under way after SIGTERM; below TimeoutStopSec (20 s) in systemd/*.service
keepalive = 35  # seconds; above nginx's upstream keepalive_timeout (30 s): the side that sends must be first to close,
# or a POST, which nginx may not repeat, meets a closed connection now and then

# -- what a request may be -------------------------------------------------------------------------------------------

http_parser = "python"  # not "auto", which takes the one in C where that happens to be installed
# Bytes of the request line without its CRLF, gunicorn's maximum; with it nginx's 8k of large_client_header_buffers.
limit_request_line = 8190
limit_request_field_size = 8192  # bytes of one header with its CRLF: the same 8k
limit_request_fields = 100  # headers, among them the six or seven that nginx sets
# The app limits a body's size (1 MiB, or 256 MiB for many members of a board), and nginx's client_max_body_size is the
# second limit, above that.

# -- forwarded headers -----------------------------------------------------------------------------------------------

# gunicorn believes whoever reaches a unix socket. nginx sets this header itself and so overwrites a client's; the other
# two that gunicorn knows (X-Forwarded-Ssl, -Protocol) nginx would let through, so they must mean nothing.
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
forwarder_headers = ""  # nobody may send SCRIPT_NAME or PATH_INFO, which nginx would let through
# In environ X_Forwarded_For would be the same as X-Forwarded-For: what has `_` in its name is not there. It stands in
# `wz.headers` alone, where header_names.py has all names as they were sent, and which decides on nothing.
header_map = "drop"
forwarded_allow_ips = "127.0.0.1"  # only counts when `bind` is changed to a port

# -- logs ------------------------------------------------------------------------------------------------------------

logger_class = "deploy.logger.Logger"  # JSON or text, as WZ_LOG_FORMAT says, in the form of the app's own log
errorlog = "-"  # stderr
loglevel = os.environ.get("WZ_LOG_LEVEL") or "info"
# nginx writes the access log, as it also sees what never gets here. WZ_ACCESS_LOG=- adds this one, on stdout: client,
# method, path without its query, route, status, bytes, seconds, and the id by which nginx's line is found.
accesslog = os.environ.get("WZ_ACCESS_LOG") or None

control_socket_disable = True  # or gunicorn >= 25.1 makes ~/.gunicorn/gunicorn.ctl; signals are enough here

# -- metrics ---------------------------------------------------------------------------------------------------------

# Each worker's counts, in files beside the socket: the worker that answers /metrics reads all of them. They outlive a
# worker, as counters should, and the next worker that starts merges them (handlers/metrics/process_counts.py).
metrics = Path(bind.removeprefix("unix:")).parent / "metrics"


def on_starting(server):  # type: ignore[no-untyped-def]
    if not server.master_pid:  # else SIGUSR2 made this master, and the workers of the old one go on counting
        shutil.rmtree(metrics, ignore_errors=True)
    metrics.mkdir(mode=0o700, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)  # the workers inherit it


def post_fork(server, worker):  # type: ignore[no-untyped-def]
    """Take the disk space for the worker's counts now: without any later, a mapped file would have it killed by SIGBUS.

    A worker that finds none serves as well; its counts are then its own, and in /metrics only when that asks it.
    """
    files = [metrics / f"{kind}_{os.getpid()}.db" for kind in ("counter", "gauge_livesum", "histogram")]
    try:
        for file in files:
            file.write_bytes(bytes(1 << 20))  # zeros are what prometheus_client begins with; some 2,000 series
    except OSError as exc:
        worker.log.error("Worker (pid:%s) does not share its counts: %s", worker.pid, exc)
        for file in files:
            with suppress(OSError):
                file.unlink()
        del os.environ["PROMETHEUS_MULTIPROC_DIR"]


def child_exit(server, worker):  # type: ignore[no-untyped-def]
    """Forget what was true only while the worker lived; prometheus_client has a function for it, but see serve.py."""
    for file in (*metrics.glob(f"gauge_live*_{worker.pid}.db"), *metrics.glob(f"busy_{worker.pid}.*")):
        file.unlink()


# -- traces ----------------------------------------------------------------------------------------------------------

# Where nginx says how long it had a traced request; nginx.conf names it. The workers inherit it, and all read it.
trace_socket = str(Path(bind.removeprefix("unix:")).with_name("trace.sock"))


def pre_fork(server, worker):  # type: ignore[no-untyped-def]
    from deploy import tracing

    try:
        tracing.listen(trace_socket)
    except OSError as exc:
        server.log.warning("Traces will have no word of nginx: %s: %s", trace_socket, exc)


# -- a worker's start and its end -------------------------------------------------------------------------------------


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    from deploy import header_names, tracing
    from handlers.metrics.process_counts import merge_ended  # it has imported the app, the master never does

    with suppress(OSError):  # no space, of which `post_fork` has told; the files stay for the next one
        merge_ended(metrics)
    # Long polls and event streams end as soon as the worker is to, instead of after graceful_timeout.
    worker.wsgi.extensions["services"].readers.is_stopping = lambda: not worker.alive
    load = worker.wsgi.extensions["load"]  # what the console shows of this process
    load.threads = worker.cfg.threads
    load.connections = lambda: worker.nr_conns
    load.parked = lambda: getattr(worker, "parked", 0)
    tracing.install(worker)
    worker.wsgi = header_names.HeaderNames(worker.wsgi)
