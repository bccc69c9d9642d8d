import threading
import time
from contextlib import nullcontext, suppress

import pytest

from vizcore.probe.fair_lock import FairLock, background


def queued(lock: FairLock, count: int) -> None:
    """Return once so many threads stand in the queue, the holder included."""
    while (lock._holder is not None) + sum(map(len, lock._waiting.values())) < count:
        time.sleep(0.001)


def is_free(lock: FairLock) -> bool:
    return lock._holder is None and not any(lock._waiting.values())


def taking_turns(lock: FairLock, name: str, times: int, order: list[str], *, behind: bool = False) -> threading.Thread:
    def work() -> None:
        with background() if behind else nullcontext():
            for _ in range(times):
                with lock.turn():
                    order.append(name)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_those_who_wait_are_served_in_the_order_they_came():
    lock, order, threads = FairLock(), [], []
    with lock.turn():
        for number, name in enumerate("abcde"):
            threads.append(taking_turns(lock, name, 1, order))
            queued(lock, number + 2)
    for thread in threads:
        thread.join()
    assert order == list("abcde")


def test_a_short_question_waits_at_most_one_turn_of_a_long_run():
    lock, order, asked = FairLock(), [], threading.Event()

    def long_run() -> None:
        for step in range(200):
            with lock.turn():
                order.append("long")
                if step == 50:
                    asked.set()
                    queued(lock, 2)  # the short question has come, in the middle of this turn

    thread = threading.Thread(target=long_run)
    thread.start()
    asked.wait()
    with lock.turn():
        order.append("short")
    thread.join()
    assert order.index("short") == 51 and len(order) == 201


def test_two_long_runs_alternate_once_both_are_waiting():
    lock, order = FairLock(), []
    with lock.turn():
        first = taking_turns(lock, "a", 1, order)
        queued(lock, 2)
        second = taking_turns(lock, "b", 1, order)
        queued(lock, 3)
    with lock.turn():  # came third, and finds both served
        order.append("me")
    first.join(), second.join()
    assert order == ["a", "b", "me"]


def stand(lock: FairLock, names: str, order: list[str]) -> list[threading.Thread]:
    """Threads that wait for one turn each in the order of their names; small letters are in the background."""
    threads = []
    for name in names:
        waiting = sum(map(len, lock._waiting.values()))
        threads.append(taking_turns(lock, name, 1, order, behind=name.islower()))
        queued(lock, waiting + 2)  # it and the holder
    return threads


def served(names: str) -> str:
    """The order in which those are served who came in this order while the device was held."""
    lock, order = FairLock(), []
    with lock.turn():
        threads = stand(lock, names, order)
    for thread in threads:
        thread.join(timeout=10)
    assert is_free(lock)
    return "".join(order)


def test_what_is_waited_for_comes_before_what_runs_in_the_background():
    assert served("abAcBC") == "ABCabc"


def test_background_work_has_a_turn_after_so_many_of_the_others(monkeypatch):
    monkeypatch.setattr("vizcore.probe.fair_lock.TURNS", 8)
    assert served("ab" + "ABCDEFGHIJKLMNOPQRS") == "ABCDEFGHaIJKLMNOPbQRS"


def test_turns_are_counted_only_while_background_work_waits():
    lock, order = FairLock(), []
    for name in "ABCDEFGHIJ":
        taking_turns(lock, name, 1, order).join()
    with lock.turn():
        threads = stand(lock, "aKL", order)
    for thread in threads:
        thread.join(timeout=10)
    assert "".join(order) == "ABCDEFGHIJKLa"


def test_what_was_begun_in_the_background_goes_back_to_the_front_with_the_end_of_its_block():
    lock, order = FairLock(), []

    def work() -> None:
        with background(), lock.turn():
            order.append("behind")
        with lock.turn():
            order.append("in front")

    thread = threading.Thread(target=work)
    with lock.turn():
        thread.start()
        queued(lock, 2)
        other = taking_turns(lock, "other", 1, order)
        queued(lock, 3)
    thread.join(timeout=10), other.join(timeout=10)
    assert order[0] == "other" and order[1:] == ["behind", "in front"]


def test_a_turn_inside_a_turn_goes_straight_in_and_keeps_the_device_until_the_outer_one_ends():
    lock, order = FairLock(), []
    with lock.turn():
        other = taking_turns(lock, "other", 1, order)
        queued(lock, 2)
        with lock.turn():
            order.append("inner")
        order.append("outer")
    other.join()
    assert order == ["inner", "outer", "other"]


@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_ends_a_turn_frees_the_device(problem):
    lock, order = FairLock(), []
    with pytest.raises(problem), lock.turn(), lock.turn():
        raise problem
    taking_turns(lock, "next", 1, order).join(timeout=10)
    assert order == ["next"] and is_free(lock)


def test_whoever_is_interrupted_while_waiting_leaves_the_queue_to_the_others(monkeypatch):
    lock, order = FairLock(), []
    waited = threading.Event.wait

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread().name == "impatient":
            raise KeyboardInterrupt
        return waited(event, timeout)

    def give_up() -> None:
        monkeypatch.setattr(threading.Event, "wait", wait)
        with suppress(KeyboardInterrupt), lock.turn():
            order.append("impatient")

    with lock.turn():
        impatient = threading.Thread(target=give_up, name="impatient")
        impatient.start()
        impatient.join(timeout=10)
        patient = taking_turns(lock, "patient", 1, order)
        queued(lock, 2)
        order.append("holder")  # the one who left took nobody's turn away
    patient.join(timeout=10)
    assert order == ["holder", "patient"] and is_free(lock)
