"""What a session has measured so far, and its file: written anew after every training and every verdict, so that nothing is lost."""

from dataclasses import dataclass, field

from baselines import commit, store
from baselines.trainings import TrainingFailed
from baselines.verdicts import Verdicts


@dataclass
class Results:
    """The records and verdicts of one pytest process."""

    config: object  # pytest's
    name: str | None  # of the file; None: nothing is stored
    stored: list[store.Stored] = field(default_factory=list)  # before the session; read only if it trains
    new: list[dict] = field(default_factory=list)  # the records of the session's own trainings
    verdicts: Verdicts = field(default_factory=Verdicts)
    info: dict | None = None  # machine_info
    complete: bool = False

    def add(self, made):
        """Take in a record and store it at once; a TrainingFailed where that fails."""
        self.new.append(made)
        self.save()

    def save(self):
        """Write what has been measured so far; a TrainingFailed where that fails."""
        if self.name is None:
            return
        self.one_timing_a_record()
        benchmarks, hook = self.config._benchmarksession, self.config.hook
        output = hook.pytest_benchmark_generate_json(
            config=self.config,
            benchmarks=benchmarks.benchmarks,
            include_data=benchmarks.save_data,
            machine_info=self.info,
            commit_info=commit.commit(),
        )
        hook.pytest_benchmark_update_json(config=self.config, benchmarks=benchmarks.benchmarks, output_json=output)
        benchmarks.storage.save(output, self.name)
        if (error := benchmarks.storage.failed) and not benchmarks.storage.stored:
            raise TrainingFailed(f"the records cannot be stored: {error}; make room or change --benchmark-storage, and train again")

    def one_timing_a_record(self):
        """Drop the timings of tests that were run again, as by pytest-rerunfailures: they replay the epochs of the same training."""
        entries = self.config._benchmarksession.benchmarks
        entries[:] = {entry.extra_info.get("record", id(entry)): entry for entry in entries}.values()

    def complete_json(self, output):
        """Put the records into what pytest-benchmark writes; leave out timings that Ctrl-C cut short and those of records stored before."""
        output["complete"] = self.complete
        output["records"] = self.new
        info, commit_info = output["machine_info"], output["commit_info"]
        output["digests"] = {each["id"]: store.digest(info, commit_info, each) for each in self.new}
        output["verdicts"] = {each["id"]: self.verdicts.stored[each["id"]] for each in self.new if each["id"] in self.verdicts.stored}
        mine = {each["id"]: len(each["train_seconds"]) for each in self.new}
        output["benchmarks"] = [
            entry
            for entry in output["benchmarks"]
            if "record" not in entry["extra_info"] or mine.get(entry["extra_info"]["record"]) == entry["stats"]["rounds"]
        ]

    def everything(self):
        """Every record there is, those of its own trainings last: a list of store.Stored."""
        return self.stored + [
            store.Stored(
                made["machine"],
                store.UNFINISHED,
                self.name or "",
                made["cell"],
                made,
                {},
                made["when"],
                "",
                verdicts=self.verdicts.stored.get(made["id"], {}),
            )
            for made in self.new
        ]

    def lines(self, folder):
        """Where the file is, and what the user shall do where it is not whole.

        Args:
            folder: the machine's folder, where it should be.
        """
        storage = self.config._benchmarksession.storage
        path, failed = getattr(storage, "stored", None), getattr(storage, "failed", None)
        lines = [f"stored in {path}"] if path else []
        if failed:
            where = f"its records are in {path}: move that file to {folder}" if path else "its records are lost"
            lines.append(f"NOT STORED as asked: {failed}; {where}")
        if path and not self.complete:
            lines.append("the session did not end: the same command with --resume trains only what is missing")
        return lines
