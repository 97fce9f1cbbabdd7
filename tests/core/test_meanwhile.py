"""Some work is done in a thread while the caller does something else."""

import threading
from contextvars import ContextVar

import pytest

from fieldfare.support.meanwhile import meanwhile


def test_both_run_at_the_same_time() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        assert go_on.wait(60)
        return threading.get_ident()

    with meanwhile(work) as result:
        assert begun.wait(60)
        go_on.set()
    assert result() not in {0, threading.get_ident()}


def test_an_error_is_raised_where_the_result_is_read() -> None:
    def work() -> None:
        raise ValueError("no answer")

    with meanwhile(work) as result:
        pass
    with pytest.raises(ValueError, match="no answer"):
        result()


def test_the_context_is_that_of_the_caller() -> None:
    variable = ContextVar("variable", default="")
    variable.set("mine")
    with meanwhile(variable.get) as result:
        assert result() == "mine"
