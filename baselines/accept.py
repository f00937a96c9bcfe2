"""python -m baselines accept: make stored records the baseline of their cells."""

from statistics import mean

from baselines import accepted, judge, judged, limits, store
from baselines.cells import cells
from baselines.files import StoreError
from baselines.record import sampled

FREELY = ("PASS", "SAME", "NO-BASELINE")  # verdicts whose records are added; others only replace a baseline


def options(parser):
    """Add the command's options to an argparse parser."""
    parser.add_argument("--reason", required=True, help="why; it is stored with them in accepted.toml")
    parser.add_argument("--name", help="records stored as --benchmark-save=NAME (default: the newest record's name)")
    parser.add_argument("--cell", help="only records of this cell")
    parser.add_argument("--machine", help="only records in this machine's folder")
    parser.add_argument("--replace", action="store_true", help="in place of the cells' former baselines, on every machine")
    parser.add_argument("--diverged", action="store_true", help="also trainings that diverged, as those of a study did")


def command(args):
    """Accept what the arguments choose, read it back, and print what changed. Returns the exit code 0.

    Raises:
        StoreError: nothing fits, or a record must not become the baseline; nothing has changed then.
    """
    if not args.reason.strip():
        raise StoreError("--reason is empty; say why these records become the baseline")
    problems = []
    stored = store.every(args.storage, problems)
    for line in problems:
        print(line)
    chosen = _chosen(args, [each for each in stored if (args.storage / each.machine / each.file).is_file()])
    groups = {(each.cell, each.record["precision"]): [] for each in chosen}
    for each in chosen:
        _check(each, stored, args)
        groups[each.cell, each.record["precision"]].append(each)
    for group in groups.values():
        _check_recipes(group, stored, args.replace)
    old = {key: _current(group, stored) for key, group in groups.items()}
    _write(args, groups, stored)
    now = store.every(args.storage, [])
    marked = {each.record["id"] for each in now if each.accepted}
    if lost := [each for each in chosen if each.record["id"] not in marked]:
        raise StoreError(
            f"{lost[0].machine}/{lost[0].file}: its record of {lost[0].cell} was written to {accepted.NAME} but is not read back"
        )
    for key, group in groups.items():
        print("\n".join(_told(group, old[key], _current(group, now), args.storage)))
    return 0


def _chosen(args, stored):
    name = args.name or (stored[-1].name if stored else None)
    named = [each for each in stored if each.name == name and args.cell in (None, each.cell) and args.machine in (None, each.machine)]
    chosen, before = [], []
    for each in named:
        if each.record["epochs_option"] is not None:
            print(f"left out: {each.machine}/{each.file}: {each.cell} was trained with --epochs and not for the whole recipe")
        elif each.accepted:
            before.append(each)
        else:
            chosen.append(each)
    if before:
        where = ", ".join(dict.fromkeys(f"{each.machine}/{each.file}" for each in before))
        print(f"left out, accepted already: {len(before)} record{'s' * (len(before) != 1)} of {where}")
    if not chosen:
        names = ", ".join(dict.fromkeys(each.name for each in stored)) or "none"
        raise StoreError(f"no new record of a whole recipe is named {name!r} and fits --cell and --machine; stored names: {names}")
    return chosen


def _check(each, stored, args):
    """Raise StoreError where a record must not become part of a baseline."""
    where, record = f"{each.machine}/{each.file}: {each.cell} with seed {each.record['seed']}", each.record
    cell = cells().get(each.cell)
    if cell is None:
        raise StoreError(f"{where} is not a cell of the tables; put its row back, or leave it out with --cell")
    if changed := each.commit.get("uncommitted", ["some files"] if each.commit.get("dirty") else []):
        raise StoreError(f"{where} was trained while {', '.join(changed)} had uncommitted changes; commit them and train it again")
    wrong = record["divergence"] or ("its loss is not a finite number" if record["loss"] is None else None)
    if wrong and not args.diverged:
        raise StoreError(f"{where} diverged: {wrong}; find the cause, or accept it with --diverged")
    if cell.floor is not None and not sampled(record) and record["accuracy"] < cell.floor:
        raise StoreError(f"{where} has accuracy {record['accuracy']}, under its floor {cell.floor}; find the cause first")
    given = judged.verdict(each, stored, "accuracy", 1)
    word = given.carried or given.word
    if word not in FREELY and not args.replace and not (wrong and args.diverged):
        raise StoreError(
            f"{where} is {word}, so that it cannot be added to its baseline; find the cause, or replace the baseline with --replace"
        )


def _check_recipes(group, stored, replace):
    """Raise StoreError where one baseline would hold records of two recipes."""
    former = [] if replace else judge.candidates({**group[0].record, "id": None}, stored)
    recipes = {str(sorted(each.record["recipe"].items())) for each in [*group, *former]}
    if len(recipes) > 1:
        advice = "accept them one by one, with --name" if not former else "replace the former baseline with --replace"
        raise StoreError(f"{group[0].cell}: two recipes cannot be one baseline; {advice}")


def _current(group, stored):
    """The baseline of a group's cell as a new record would meet it."""
    return judge.baseline({**group[-1].record, "id": None}, stored)


def _write(args, groups, stored):
    for (cell, precision), group in groups.items():
        former = [each for each in stored if each.accepted and (each.cell, each.record["precision"]) == (cell, precision)]
        machines = {each.machine for each in group} | ({each.machine for each in former} if args.replace else set())
        first = _first(args, cell, former, machines)
        for machine in sorted(machines):
            mine = [each for each in group if each.machine == machine]
            if (args.storage / machine).is_dir():
                accepted.write(args.storage / machine, cell, mine, args.reason, keep=not args.replace, first=first.get(machine))


def _first(args, cell, former, machines):
    """Machine -> the first baseline of a cell there, or, where it replaces those of other machines, the oldest of them."""
    tables = {each.machine: accepted.read(args.storage / each.machine).get(cell) for each in former}
    known = {
        machine: entry["first"] or accepted.summary([each for each in former if each.machine == machine], entry["since"])
        for machine, entry in tables.items()
        if entry
    }
    oldest = min(known.values(), key=lambda each: each["since"], default=None) if args.replace else None
    return {machine: known.get(machine, oldest) for machine in machines}


def _told(group, old, new, storage):
    """What an acceptance changed, in lines."""
    cell, machines = cells()[group[0].cell], {each.machine for each in new}
    base = judge.known(group[-1].record, new, cell)
    values = judge.accuracies(new)
    before = f"mean {mean(judge.accuracies(old)):.4f} (n={len(old)}) -> " if old else "mean "
    suspicious = base.mean - limits.limit(base, limits.WORST)
    lines = [
        f"accepted: {cell.id}, {len(group)} record{'s' * (len(group) != 1)}: accuracy {before}{mean(values):.4f} (n={len(values)}, "
        f"{len(machines)} machine{'s' * (len(machines) != 1)}); one training is suspicious under {suspicious:.4f}"
    ]
    firsts = [entry["first"] for machine in sorted(machines) if (entry := accepted.read(storage / machine).get(cell.id)) and entry["first"]]
    if firsts and (first := min(firsts, key=lambda each: each["since"])) and old:
        lines.append(f"  since the first baseline of {first['since']} (n={first['n']}): {mean(values) - first['accuracy']:+.4f}")
    untimed = sum(not each.record["train_seconds"] for each in group)
    if untimed:
        lines.append(f"  {untimed} of them without times, since other programs were running: they count for accuracy only")
    return lines
