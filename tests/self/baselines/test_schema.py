"""The JSON Schema of a file of records: what sessions write fits it, and what does not fit is refused by the suite's own checks, too."""

import json

import jsonschema
import pytest

from baselines import __main__ as command
from baselines import record, schema, store, upgrade
from tests.self.baselines import fake_training
from tests.self.baselines.test_session import ONE

pytestmark = pytest.mark.self
VALIDATOR = jsonschema.Draft202012Validator(schema.schema())


def test_what_a_session_writes_fits_the_schema(suite, files):
    assert 0 == suite(*ONE, "--benchmark-save=x").returncode
    content = json.loads(files()[0].read_text())
    assert [] == [error.message for error in VALIDATOR.iter_errors(content)]
    (made,) = content["records"]
    assert {made["id"]} == content["digests"].keys() == content["verdicts"].keys()


def test_every_stored_file_fits_the_schema_or_is_of_an_older_version_whose_records_do():
    checked = jsonschema.Draft202012Validator(schema.record())
    for path in store.FOLDER.glob("*/*.json"):
        content = json.loads(path.read_text())
        if "verdicts" in content:
            assert [] == [error.message for error in VALIDATOR.iter_errors(content)], path
        for each in content.get("records", []):
            assert [] == [error.message for error in checked.iter_errors(upgrade.current(each))], path
    found = store.records()
    assert [] != found
    for each in found:
        assert [] == [error.message for error in checked.iter_errors(each.record)], each.file


@pytest.mark.parametrize("field", record.FIELDS, ids=lambda field: field.name)
def test_the_schema_refuses_what_the_suite_refuses(field):
    checked = jsonschema.Draft202012Validator(schema.record())
    table, _, key = field.name.rpartition(".")
    for value in ({"a": 1} if field.kind is not dict else [1], "missing"):
        made = fake_training.record()
        into = made[table] if table else made
        into[key] = value
        if value == "missing":
            del into[key]
        assert not checked.is_valid(made)
        with pytest.raises(record.RecordError):
            record.check(made)


def test_the_command_prints_the_schema(capsys):
    assert 0 == command.main(["record", "--schema"])
    assert schema.schema() == json.loads(capsys.readouterr().out)
