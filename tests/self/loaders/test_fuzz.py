"""Files of every format after random changes: refused, or read with the same arrays."""

import numpy as np
import pytest
from hypothesis import settings

import loaders
from tests.self.loaders import data_writers

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home", "three_classes")]


def pairs(arrays):
    """The set of (image, label) of arrays."""
    return {(image.tobytes(), label) for i in (0, 2) for image, label in zip(*arrays[i : i + 2], strict=True)}


@pytest.mark.parametrize("name", data_writers.formats())
def test_a_mutated_file_is_refused_or_gives_the_same_arrays(name, tmp_path):
    """25 times hypothesis' own number of examples: in the profile 'full', 10,000 mutations of each format."""
    good = loaders.load(name, data_writers.written(tmp_path, name), download=False)
    paths = [tmp_path / file.path for file in loaders.module(name).SOURCES[name].files]
    contents = {path: path.read_bytes() for path in paths}
    random = np.random.RandomState(1)
    refused = 0
    for _ in range(25 * settings.default.max_examples):
        path = paths[random.randint(len(paths))]
        mutation = data_writers.mutated(contents[path], random)
        if mutation == contents[path]:
            continue
        path.write_bytes(mutation)
        with pytest.raises(loaders.DataError, match="damaged"):
            loaders.load(name, tmp_path, download=False)
        try:  # the decoder without the checksum: DataError, or right arrays
            arrays = loaders.module(name).SOURCES[name].read(*paths)
            if name == "svhn":  # whose format has no checksum of its own
                assert [((32, 32, 3), "uint8"), ((), "int32")] * 2 == [(array.shape[1:], array.dtype) for array in arrays]
            elif name == "tiny_imagenet":  # whose format has no checksum of members' names: images may be lost, not changed
                assert pairs(arrays) <= pairs(good)
            else:
                data_writers.same(good[:4], arrays, path.name)
        except loaders.DataError:
            refused += 1
        path.write_bytes(contents[path])
    assert good.fingerprint == loaders.load(name, tmp_path, download=False).fingerprint
    assert refused > 10 * settings.default.max_examples
