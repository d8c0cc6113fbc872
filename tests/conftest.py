"""What several test files need: the shared real data, and small records."""

import os

# As the command line does, and before numpy and torch are imported: threads that spin while they
# wait for one another make a training of seconds take minutes on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

import itertools
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants
from hypothesis import settings

from stores.records import DecodeAudit, VideoFeatures, VideoItem

sys.path.insert(0, str(Path(__file__).parent))
from hub import Hub, serving

# A shell's background job ignores Ctrl-C, and what tests interrupt would sleep on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a test asks is no question of time, and machines are busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _no_real_time():
    """A library that makes this process real-time starves the machine in whatever runs later."""
    yield
    if sys.platform == "linux" and os.sched_getscheduler(0) != os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("the test left this process with real-time priority")


NOBODY = 65534  # permissions are asked of the kernel as another user: root may do everything
SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip without it."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"real data is not at {folder}")
    return folder


@pytest.fixture
def make_features():
    """Build the features of one made-up video."""

    def make(video_id="a", *, segments=5, crops=2, width=8, seed=0, **fields) -> VideoFeatures:
        random = np.random.default_rng(seed)
        frames = segments * 16 - 3
        return VideoFeatures(
            item=VideoItem(video_id, f"videos/{video_id}", **fields),
            segments=random.standard_normal((crops, segments, width)).astype(np.float16),
            times=np.arange(frames) / 25.0,
            audit=DecodeAudit("pyav", frames, frames, frames / 25.0),
        )

    return make


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Callable[[Path, str], Hub]]:
    """Serve a folder as a repository of a hub that huggingface_hub asks, its cache being empty."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    cache = tmp_path / "hub-cache"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))  # for other processes, as HF_ENDPOINT below
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with ExitStack() as servers:

        def serve(folder: Path, repository: str) -> Hub:
            served = servers.enter_context(serving(folder, repository))
            monkeypatch.setenv("HF_ENDPOINT", served.address)
            monkeypatch.setattr(constants, "ENDPOINT", served.address)
            template = f"{served.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
            monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
            return served

        yield serve


NAMING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"}
"""What the interpreter reports before calls that change a name; os.replace counts as a rename."""

COMPLETED, KILLED, FAILED = 0, 9, 1


def die_before(number: int, folder: Path) -> None:
    """End this process, as if killed, before its ``number``-th change of a name below a folder."""
    left = itertools.count(number - 1, -1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        makes = event == "os.mkdir" or (event == "open" and bool(arguments[2] & os.O_CREAT))
        if not (makes or event in NAMING) or not isinstance(arguments[0], str | Path):
            return
        path = Path(arguments[0])
        # Nothing is made that is there, and nothing removed that is not.
        if makes != os.path.lexists(path) and path.is_relative_to(folder) and next(left) <= 0:
            os._exit(KILLED)

    sys.addaudithook(hook)


@pytest.fixture
def killed_everywhere(tmp_path) -> Callable[[Path, Callable[[Path], object]], Iterator[Path]]:
    """Do some work on a copy of a folder again and again, killed before each change of a name.

    Yields the copy after each kill, and at last once after the work came to its end. It lies at the
    same place every time. All names are changed by Python here: FFmpeg, Arrow and safetensors write
    into files that are there already, or into memory.
    """

    def run(start: Path, work: Callable[[Path], object]) -> Iterator[Path]:
        folder = tmp_path / "killed"
        for number in itertools.count(1):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(start, folder, symlinks=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # threads that wait are no harm
                child = os.fork()
            if not child:
                code = FAILED
                try:
                    signal.alarm(120)
                    die_before(number, folder)
                    work(folder)
                    code = COMPLETED
                except BaseException:  # noqa: BLE001 - nothing may reach pytest's copy in the child
                    traceback.print_exc()
                finally:
                    os._exit(code)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert code in (COMPLETED, KILLED)
            yield folder
            if code == COMPLETED:
                return

    return run


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Return every file below a folder by its name; locks and what was set aside do not count."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != ".lock" and path.parent.name != "damaged"
        }

    return read


@pytest.fixture
def without_privileges() -> Callable[[], AbstractContextManager[None]]:
    """Be somebody else for the length of a block, where this process is root's."""

    @contextmanager
    def somebody_else() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return somebody_else


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
