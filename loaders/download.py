"""Download a file over an unreliable network: resume, try again, verify, and only then give it its name."""

import errno
import hashlib
import http.client
import queue
import shutil
import threading
import time
import urllib.error
import urllib.request

from loaders import atomic, files

TIMEOUT = 20  # seconds without a byte
WINDOW, SLOWEST = 60, 1000  # of so many seconds, the least mean of bytes a second; until a server begins to answer, the most seconds
LONGEST = 2 * 3600  # seconds for all tries of a file; the next call goes on
MOST = 2 << 30  # bytes of a file; SVHN's extra digits are 1.3e9
TRIES = 5
PAUSE = 1  # seconds before the second try; twice as many before each further one
FINAL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors after which another try fails, too
PASSING = (408, 416, 425, 429)  # HTTP errors 400 to 499 after which another try may succeed


def fetch(file, path, progress=None):
    """Download a file to a path, or wait until another process has.

    An unfinished download stays in a hidden .part file beside the path, and the next call resumes it.

    Args:
        file: files.File.
        path: where to put it.
        progress: called with (bytes so far, bytes in all or None), often.

    Raises:
        files.DataMissing: it cannot be fetched now; the message says why.
        files.DataError: every try has fetched a file with a wrong checksum.
    """
    try:
        with atomic.part(path) as part:
            if not path.exists():
                _fetch(file, path, part, progress or (lambda *_: None))
    except OSError as error:
        raise files.DataMissing(f"{path.name} cannot be written to {path.parent}: {_reason(error)}; correct that and try again") from error


def _fetch(file, path, part, progress):
    end = time.monotonic() + LONGEST
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            _more(file.address, part, progress, end)
        except urllib.error.HTTPError as error:
            error.close()
            failure = error
            if error.code == 416:  # the part is too long to be a part of the file
                part.truncate(0)
            elif 400 <= error.code < 500 and error.code not in PASSING:
                break
            continue
        except (OSError, ValueError, http.client.HTTPException) as error:
            failure = error
            if getattr(error, "errno", None) in FINAL or time.monotonic() > end:
                break
            continue
        part.seek(0)
        found = hashlib.file_digest(part, file.algorithm).hexdigest()
        if found == file.sum:
            atomic.finish(part, path)
            return
        failure = files.DataError(
            f"{file.address}: {file.algorithm} of the download is {found}, the published one is {file.sum}; "
            f"try again later, or put the published file at {path}"
        )
        part.truncate(0)
    if isinstance(failure, files.DataError):
        raise failure
    raise files.DataMissing(f"fetching {file.address} failed: {_reason(failure)}") from failure


def _reason(error):
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full, make room and try again"
    if getattr(error, "errno", None) == errno.EFBIG:
        return error.strerror
    return getattr(error, "reason", None) or error or type(error).__name__


def _more(url, part, progress, end):
    """Append the missing rest of the file; all of it where the server does not support ranges.

    Raises:
        OSError, ValueError, http.client.HTTPException: the download failed, broke off, is too slow or too large.
    """
    have = part.seek(0, 2)
    with _opened(urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})) as answer:
        if have and answer.status != 206:
            have = part.truncate(0)
        elif have and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.truncate(0)
            raise OSError(f"asked for what follows byte {have}, the server sent {answer.headers.get('Content-Range')}")
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        _check_size(part, total or 0)
        if total and total - have > shutil.disk_usage(part.name).free:
            raise OSError(errno.ENOSPC, f"{total - have} bytes are missing, and there is less room")
        since, then = time.monotonic(), have
        while block := answer.read1(1 << 20):  # as they arrive, so that they are kept if the rest fails
            have = _written(part, block, have, total)
            progress(have, total)
            now = time.monotonic()
            if now > end:
                raise OSError(f"{have} bytes took more than {LONGEST} seconds; the next try goes on from there")
            if now - since > WINDOW:
                if have - then < SLOWEST * (now - since):
                    raise OSError(f"{have - then} bytes in {now - since:.0f} seconds are too slow")
                since, then = now, have
    if total is not None and have != total:
        raise OSError(f"the connection ended after {have} of {total} bytes")


def _opened(request):
    """What urllib.request.urlopen returns, within WINDOW seconds: its own limit holds for each of many steps."""
    answers, late = queue.SimpleQueue(), threading.Event()

    def ask():
        try:
            answer = urllib.request.urlopen(request, timeout=TIMEOUT)
        except Exception as error:
            answer = error
        answers.put(answer)
        if late.is_set() and not isinstance(answer, Exception):
            answer.close()

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=WINDOW)
    except queue.Empty:
        late.set()
        raise TimeoutError(f"no answer within {WINDOW} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _written(part, block, have, total):
    """Append a block to the ``have`` bytes; returns their new number."""
    _check_size(part, have + len(block))
    try:
        written = part.write(block)
        if written < len(block):
            raise OSError(errno.ENOSPC, f"{written} of {len(block)} bytes could be written")
    except OSError:
        if total is None:  # a body without a length must not keep the disk full
            part.truncate(0)
        raise
    return have + written


def _check_size(part, size):
    if size > MOST:
        part.truncate(0)
        raise OSError(errno.EFBIG, f"the server sends {size} bytes or more, and no file of a data set has more than {MOST}")
