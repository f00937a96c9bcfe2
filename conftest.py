"""pytest's hooks and fixtures, a few lines each; what they call lives in baselines/session.py. Nothing here imports a backend."""

import atexit
import gc

import pytest

from baselines import machine, options
from baselines.commit import commit
from baselines.report import ci
from baselines.session import ERRORS, Session, TrainingFailed, Unavailable
from baselines.trials import Mistakes

SESSION = pytest.StashKey[Session]()
ENDED = pytest.StashKey[bool]()  # whether the tests came to their end, without Ctrl-C and -x
TOLD = pytest.StashKey[bool]()  # whether the verdicts are on the terminal


def pytest_addoption(parser):
    options.add(parser)


def pytest_configure(config):
    options.set_defaults(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    return options.workers(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session):
    """Check the options before anything is collected, and before xdist starts its workers."""
    try:
        session.config.stash[SESSION] = Session.begin(session.config, bool({"full", "quick"} & options.markers(session.config)))
    except ERRORS as error:
        raise pytest.UsageError(str(error)) from error
    if (
        "full" not in session.config.option.markexpr
    ):  # hundreds of networks are built, and collecting the cycles among their layers took a quarter of the time
        gc.set_threshold(50_000, 20, 20)
        atexit.register(gc.freeze)  # a last collection at exit would take more than a second


def pytest_ignore_collect(collection_path, config):
    return options.unread(collection_path, config) or None


def pytest_generate_tests(metafunc):
    """Each test that uses ``record`` runs once for each chosen training; in the quick tier, for the quick cells only."""
    if "record" in metafunc.fixturenames:
        trainings = metafunc.config.stash[SESSION].schedule.choose(metafunc.definition.get_closest_marker("quick") is not None)
        metafunc.parametrize("training", trainings, ids=trainings, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Check that each test has one tier and that -m and -k leave any; keep the order of the tests that train, if a plugin shuffles."""
    collected = list(items)
    options.check_tiers(collected)
    yield
    options.check_any_left(config, collected, items)
    options.unshuffle(collected, items)
    if alone := [item for item in items if "together" in getattr(item, "fixturenames", ()) and not config.stash[SESSION].together]:
        items[:] = [item for item in items if item not in alone]
        config.hook.pytest_deselected(items=alone)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    """Plan what is left after --lf, --ff and --stepwise; begin with the tests that train, beside which others run under -n."""
    trained = [item for item in session.items if options.trains(item)]
    try:
        session.items[:] = session.config.stash[SESSION].order(trained) + [item for item in session.items if item not in trained]
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
            pytestconfig.stash[SESSION].results.save()
        except TrainingFailed as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    return write


@pytest.fixture
def verdict(record, pytestconfig, request):
    """A function: 'accuracy' or 'seconds' -> the Told of that part of the record, which the summary shows, too."""

    def judge(quantity):
        quick = request.node.get_closest_marker("quick") is not None
        told = pytestconfig.stash[SESSION].verdict(record, quantity, quick)
        _note(told, request)
        if told.known:
            pytest.xfail(told.known)
        return told

    return judge


@pytest.fixture
def together(pytestconfig, request):
    """The Told of the accuracies of all cells of the session together."""
    told = pytestconfig.stash[SESSION].results.verdicts.together()
    _note(told, request)
    return told


def _note(told, request):
    """Add a verdict to the test's properties, once, although a test that is run again keeps what it had."""
    noted = {"verdict": told.line, "changed": ", ".join(told.changed), "details": told.details, "next": told.settle}
    noted["commands"] = "\n".join(told.commands)
    former = [each for each in request.node.user_properties if each[0] not in noted]
    noted = [each for each in noted.items() if each[1] or each[0] in ("verdict", "details")]
    request.node.user_properties[:] = [*former, *noted]


def pytest_benchmark_generate_machine_info(config):
    return config.stash[SESSION].results.info or machine.info()


def pytest_benchmark_generate_commit_info(config):
    return commit()


def pytest_benchmark_update_json(config, benchmarks, output_json):
    config.stash[SESSION].results.complete_json(output_json)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session):
    """Note that the tests came to their end: after a second Ctrl-C, the exit status that pytest_sessionfinish is told does not say so."""
    result = yield
    session.config.stash[ENDED] = True
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    """Before pytest-benchmark saves for the last time: note whether the session was complete, and set its exit status."""
    stash = session.config.stash
    try:
        if SESSION in stash:  # otherwise its options were refused
            session.exitstatus = stash[SESSION].finish(exitstatus, ENDED not in stash)
        return (yield)
    finally:  # after Ctrl-C, or where a plugin failed, such as with a report that cannot be written, pytest writes no summary
        if TOLD not in stash and (reporter := session.config.pluginmanager.get_plugin("terminalreporter")):
            pytest_terminal_summary(reporter, session.config)


def pytest_terminal_summary(terminalreporter, config):
    config.stash[TOLD] = True
    shown = {"verdict": "{}", "changed": "  changed: {}", "next": "  {}"} | ({"details": "  {}"} if config.option.verdict_details else {})
    reports = [report for kind in ("passed", "failed", "xfailed") for report in terminalreporter.stats.get(kind, [])]
    properties = dict.fromkeys(tuple(report.user_properties) for report in reports if report.when == "call")  # once if a test is repeated
    verdicts = [shown[name].format(value) for each in properties for name, value in each if name in shown and value]
    if SESSION not in config.stash:
        return
    last = config.stash[SESSION].summary()
    if lines := [*verdicts, *last]:
        terminalreporter.section("verdicts")
        for line in lines:
            terminalreporter.write_line(line)
    if not hasattr(config, "workerinput"):  # xdist's workers have a terminal reporter, too
        ci.session(terminalreporter, last)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Under -n, the tests of one training go to one worker, so that it takes place once."""
    from xdist.scheduler import LoadScopeScheduling

    scheduling = LoadScopeScheduling(config, log)
    scheduling._split_scope = lambda nodeid: nodeid.partition("[")[2] or nodeid
    return scheduling
