import pytest
pytestmark = pytest.mark.self
FULL = ("-m", "full", "tests/test_epoch_time.py", "tests/test_accuracy.py")
DIGITS = (*FULL, "--dataset", "digits", "--model", "lenet5,vgg_like")
def test_a(suite, trained, files):
    done = suite(*DIGITS, "-v", "--benchmark-save=x", "--epochs=7")
    print(done.said)
    assert 0 == done.returncode
    print(files()[0].read_text()[:3000])
    assert 0
