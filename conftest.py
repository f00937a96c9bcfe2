"""pytest's hooks and fixtures, a few lines each; what they call lives in baselines/session.py. Nothing here imports a backend."""

import atexit
import gc

import pytest

from baselines import machine, options
from baselines.session import ERRORS, Session, TrainingFailed, Unavailable, commit
from baselines.trials import Mistakes

SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser):
    options.add(parser)


def pytest_configure(config):
    options.set_defaults(config)


def pytest_xdist_auto_num_workers(config):
    return options.workers(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Check the options before anything is collected, and before xdist starts its workers."""
    full = "full" in options.markers(session.config)
    try:
        session.config.stash[SESSION] = Session.begin(session.config, full)
    except ERRORS as error:
        raise pytest.UsageError(str(error)) from error
    if not full:  # hundreds of networks are built, and collecting the cycles among their layers took a quarter of the time
        gc.set_threshold(50_000, 20, 20)
        atexit.register(gc.freeze)  # a last collection at exit would take more than a second


def pytest_ignore_collect(collection_path, config):
    return options.unread(collection_path, config) or None


def pytest_generate_tests(metafunc):
    """Each test that uses ``record`` runs once for each chosen training; in the quick tier, for the quick cells only."""
    if "record" in metafunc.fixturenames:
        trainings = metafunc.config.stash[SESSION].trainings(metafunc.definition.get_closest_marker("quick") is not None)
        metafunc.parametrize("training", trainings, ids=trainings, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Check that each test has one tier and that -m and -k leave any; begin with the tests that train, beside which others run under -n."""
    collected = list(items)
    options.check_tiers(collected)
    yield
    options.check_any_left(config, collected, items)
    trained = [item for item in items if "record" in item.fixturenames]
    try:
        items[:] = config.stash[SESSION].order(trained) + [item for item in items if item not in trained]
    except ERRORS as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_collectionfinish(config):
    return config.stash[SESSION].announcement()


def pytest_report_header(config):
    benchmarks = config._benchmarksession
    if (benchmarks.save or benchmarks.autosave) and (benchmarks.disabled or benchmarks.skip):
        why = "--benchmark-skip" if benchmarks.skip else "--benchmark-disable or -n"
        return f"NOTHING WILL BE STORED: --benchmark-save has no effect with {why}; leave that out to store records"
    return None


@pytest.fixture(scope="session")
def training(request):
    """The id of the training that the test is about."""
    return request.param


@pytest.fixture(scope="session")
def data_root(pytestconfig):
    """The data directory."""
    return pytestconfig.stash[SESSION].options.root


@pytest.fixture(scope="session")
def record(training, pytestconfig):
    """The record of the training, which takes place once for all tests that use it."""
    try:
        return pytestconfig.stash[SESSION].record(training)
    except Unavailable as error:
        raise pytest.skip.Exception(str(error)) from None
    except Mistakes as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
    except TrainingFailed as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture
def save(pytestconfig):
    """A function that stores the session's records at once, so that no later failure loses them."""

    def write():
        try:
            pytestconfig.stash[SESSION].save()
        except TrainingFailed as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    return write


@pytest.fixture
def verdict(record, pytestconfig, record_property):
    """A function: 'accuracy' or 'seconds' -> the Verdict of that part of the record, which the summary shows, too."""

    def judge(quantity):
        found = pytestconfig.stash[SESSION].verdict(record, quantity)
        record_property("verdict", found.line)
        return found

    return judge


def pytest_benchmark_generate_machine_info(config):
    return config.stash[SESSION].info or machine.info()


def pytest_benchmark_generate_commit_info(config):
    return commit()


def pytest_benchmark_update_json(config, benchmarks, output_json):
    config.stash[SESSION].complete_json(output_json)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """Before pytest-benchmark saves for the last time: note whether the session was complete, and set its exit status."""
    if SESSION in session.config.stash:  # otherwise its options were refused
        session.exitstatus = session.config.stash[SESSION].finish(exitstatus, session.shouldstop or session.shouldfail)
    return (yield)


def pytest_terminal_summary(terminalreporter, config):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    verdicts = [value for report in reports for name, value in report.user_properties if name == "verdict" and report.when == "call"]
    skipped = {report.nodeid.partition("[")[2] for report in terminalreporter.stats.get("skipped", [])}
    skipped -= {report.nodeid.partition("[")[2] for report in reports}
    if lines := [*verdicts, *config.stash[SESSION].summary(skipped)]:
        terminalreporter.section("verdicts")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Under -n, the tests of one training go to one worker, so that it takes place once."""
    from xdist.scheduler import LoadScopeScheduling

    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = lambda nodeid: nodeid.partition("[")[2] or nodeid
    return scheduling
