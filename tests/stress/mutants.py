"""Faults made by hand in a copy of the engine, and the test that must fail for each of them.

A fault that no test notices is a hole in the tests. This plants all of them, one by one:

    python -m pytest -m stress tests/stress/test_mutants.py
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """A fault: some text of a file of the engine is replaced.

    Attributes:
        name: What is wrong then.
        file: The file, in `torchpipe/engine`.
        old: The text that is there, once.
        new: What is there instead.
        test: The test that fails, in `tests/engine`.
    """

    name: str
    file: str
    old: str
    new: str
    test: str

    def planted(self, source: str) -> str:
        """The source with the fault."""
        count = source.count(self.old)
        assert count == 1, f"{self.name}: {self.old!r} is in {self.file} {count} times, not once."
        return source.replace(self.old, self.new)


MUTANTS = [
    # -- order
    Mutant(
        "the consumer does not wait for the clones",
        "compiler/program.py",
        'code.add(f"if not {lock}.acquire(False): wait({lock})")',
        'code.add(f"{lock}.acquire(False)")',
        "test_order.py::test_items_that_are_done_first_wait_for_those_before_them",
    ),
    Mutant(
        "a join starts when the first of its branches is done",
        "compiler/writer.py",
        'with code.block(f"if not {counter}.pop():"):',
        'with code.block(f"if {counter}.pop():"):',
        "test_order.py::test_a_branch_that_needs_two_scaled_cells_waits_for_both",
    ),
    Mutant(
        "a stage does not wait for the clones before it",
        "compiler/program.py",
        'self._acquire(code, f"item.done_{before.number}")',
        'code.add(f"item.done_{before.number}.acquire(False)")',
        "test_submit.py::test_submit_call_and_map",
    ),
    # -- nothing lost, nothing doubled
    Mutant(
        "a clone that is called back drops the item that it holds",
        "clones.py",
        """        if self.part.ring.stopped:
            self.inbox.put(token)
            return True""",
        """        if self.part.ring.stopped or self.retiring:
            self.part.ring.items[0].error = None
            return not self.part.ring.stopped""",
        "test_scaling.py",
    ),
    Mutant(
        "an item that was filtered is given to the consumer",
        "compiler/boundary.py",
        'with code.block("if out is not HOLE:") if may_hole else nullcontext():',
        "with nullcontext():",
        "test_nothing_lost.py::test_filtered_items_are_dropped_and_no_others",
    ),
    Mutant(
        "a hole is passed to the next cell as if it were a value",
        "compiler/values.py",
        "        if taken or makes_holes(node.cell):",
        "        if makes_holes(node.cell):",
        "test_order.py::test_holes_keep_joins_aligned",
    ),
    Mutant(
        "what a cell holds at the end of a stream does not come out",
        "compiler/boundary.py",
        'code.add("yield from rest()")',
        'code.add("pass")',
        "test_side_regions.py",
    ),
    Mutant(
        "a mark of an epoch that was left stays on the items",
        "ring.py",
        """                if item.error is LEFT:
                    item.error = None""",
        """                if item.error is LEFT:
                    pass""",
        "test_seek.py::test_leaving_an_endless_stream_in_the_middle",
    ),
    Mutant(
        "futures of a run that has stopped are never settled",
        "core.py",
        "                deliver(future, None, self.why_stopped())",
        "                future.cancelled()",
        "test_never_stuck.py::test_every_future_is_settled_when_the_run_stops",
    ),
    Mutant(
        "a cancelled item is worked on",
        "item.py",
        "if future is None or not future.cancelled():",
        "if future is None or future is not None:",
        "test_submit.py::test_a_cancelled_item_is_taken_by_no_further_stage",
    ),
    # -- never stuck
    Mutant(
        "a credit is lost with each item that is left",
        "ring.py",
        """            self._return()
        release(item.free)""",
        """            self._return()
            release(item.free)""",
        "test_seek.py::test_leaving_an_endless_stream_in_the_middle",
    ),
    Mutant(
        "a clone does not say that it is done",
        "compiler/writer.py",
        'code.add(f"item.done_{stage.number}.release()")',
        "pass",
        "test_order.py::test_items_that_are_done_first_wait_for_those_before_them",
    ),
    Mutant(
        "stop does not wake the stages that wait for clones",
        "ring.py",
        """            for name in item.locks:
                release(getattr(item, name))""",
        """            for name in ():
                release(getattr(item, name))""",
        "test_never_stuck.py::test_stop_wakes_the_consumer_although_a_call_does_not_return",
    ),
    Mutant(
        "stop does not wake the clones that wait for items",
        "ring_part.py",
        "            clone.stop()",
        "            clone.name = clone.name",
        "test_never_stuck.py",
    ),
    Mutant(
        "a resting clone is not told that it is called back",
        "clones.py",
        """        self.retiring = True
        self.inbox.put(Token(self))""",
        """        self.retiring = True""",
        "test_scaling.py",
    ),
    Mutant(
        "nobody looks whether anything moves",
        "stall.py",
        "        if before == progress:",
        "        if before != progress:",
        "test_stall.py",
    ),
    Mutant(
        "the end of the wait for a full batch is forgotten",
        "gather.py",
        "if item.error is not None or not wanted(item):",
        "if item.error is not None and batch == []:",
        "test_batching.py",
    ),
    # -- bounded
    Mutant(
        "the window is larger by one",
        "ring.py",
        "[made() for _ in range(window)]",
        "[made() for _ in range(window + 1)]",
        "test_bounded.py::test_in_flight_items_never_exceed_the_window",
    ),
    Mutant(
        "the window is smaller by one",
        "ring.py",
        "[made() for _ in range(window)]",
        "[made() for _ in range(max(1, window - 1))]",
        "test_bounded.py::test_the_window_is_used_in_full",
    ),
    Mutant(
        "a value is kept after its last reader",
        "compiler/values.py",
        'lines.append(f"{register} = None")',
        "pass",
        "test_bounded.py::test_a_value_is_let_go_when_the_next_cell_is_done_with_it",
    ),
    Mutant(
        "a value that two clones read is let go by the first",
        "compiler/values.py",
        'lines += [f"if not {counter}.pop():"',
        'lines += [f"if {counter}.pop():"',
        "test_bounded.py::test_a_value_with_two_scaled_readers_lives_until_both_are_done",
    ),
    Mutant(
        "a batch is larger than it may be",
        "gather.py",
        "while len(batch) < batching.max_size:",
        "while len(batch) <= batching.max_size:",
        "test_batching.py",
    ),
    # -- errors
    Mutant(
        "an error names the wrong item",
        "context.py",
        "blamed = self.blamed(error, path, self.number)",
        "blamed = self.blamed(error, path, self.number + 1)",
        "test_errors.py",
    ),
    Mutant(
        "an error of one request ends all others",
        "part.py",
        "made.requests = self.passage, self.core.submitting",
        "made.requests = self.passage, False",
        "test_submit.py::test_an_error_belongs_to_its_item_and_to_no_other",
    ),
    Mutant(
        "cells go on after an error in the stream",
        "compiler/program.py",
        'code.add("pass" if self.requests else "broken = item.error")',
        'code.add("pass")',
        "test_errors.py",
    ),
    Mutant(
        "the last failure of a cell that was tried again is swallowed",
        "context.py",
        "                    if attempt < attempts:",
        "                    if attempt < attempts + 1:",
        "test_policies.py::test_retry_tries_again_and_then_raises",
    ),
    Mutant(
        "the budget for errors is not looked at",
        "shared.py",
        "if skip.exceeded(skipped, seen):",
        "if skip.exceeded(0, seen):",
        "test_policies.py::test_a_budget_that_is_a_number",
    ),
    # -- clean exit
    Mutant(
        "those who wait for room are woken before the futures inside are taken",
        "ring.py",
        """        futures = [item.future for item in self.items if item.future not in (None, END)]
        for item in self.items:
            item.future = None
            release(item.free)
            for name in item.locks:
                release(getattr(item, name))
""",
        """        for item in self.items:
            release(item.free)
            for name in item.locks:
                release(getattr(item, name))
        futures = [item.future for item in self.items if item.future not in (None, END)]
        for item in self.items:
            item.future = None
""",
        "test_clean_exit.py::test_stop_settles_the_item_whose_place_somebody_waits_for",
    ),
    Mutant(
        "a future that the tail has taken is dropped if the run stops just then",
        "compiler/program.py",
        """            with code.block("try:"):
                code.add("item.free.release()")
            with code.block("finally:  # it raises if `stop` has released it: the future is ours"):
""",
        """            code.add("item.free.release()")
            if True:
""",
        "test_clean_exit.py::test_stop_while_a_result_is_on_its_way_to_its_future",
    ),
    Mutant(
        "cells are not torn down",
        "threads.py",
        'self._call("teardown", path, cell.teardown)',
        'self._call("teardown", path, cell.reset)',
        "test_clean_exit.py::test_every_cell_is_torn_down_once_in_its_own_thread",
    ),
    Mutant(
        "stop does not wait for the threads",
        "crew.py",
        "stage.thread.join(None if deadline is None else max(0.0, deadline - monotonic()))",
        "stage.thread.join(0)",
        "test_clean_exit.py",
    ),
    Mutant(
        "sources stay open when the run ends early",
        "ring_part.py",
        "                close_all(streams)\n                del",
        "                del",
        "test_clean_exit.py::test_sources_whose_close_fails_are_all_closed_and_the_first_error_is_raised",
    ),
    # -- same seeds, same results; saved runs
    Mutant(
        "all epochs have the same seeds",
        "context.py",
        "{self.shared.seed}:{self.shared.epoch}:",
        "{self.shared.seed}:0:",
        "test_seeds.py::test_two_cells_two_epochs_two_runs_have_other_seeds",
    ),
    Mutant(
        "cells are not reset for the next epoch",
        "epochs.py",
        "            cells.reset()",
        "            cells.context.shared.epoch = epoch",
        "test_epochs.py",
    ),
    Mutant(
        "files are not completed at the end of an epoch",
        "epochs.py",
        "                cells.finish()",
        "                cells.context.shared.seed += 0",
        "test_finish.py",
    ),
    Mutant(
        "a saved run goes on one item too late",
        "streams.py",
        "if passed(stream, range(item), context):",
        "if passed(stream, range(item + 1), context):",
        "test_save_and_load.py",
    ),
    Mutant(
        "a saved run has the states of one item later",
        "compiler/program.py",
        """                code.add("context.number = item.number")
                self._mark(code, stage)
                self._trying(code, body)
                code.add("pass\"""",
        """                code.add("context.number = item.number")
                self._trying(code, body)
                self._mark(code, stage)
                code.add("pass\"""",
        "test_save_and_load.py",
    ),
    Mutant(
        "what a feedback remembers crosses into the next epoch",
        "compiler/body.py",
        'guard = f"if {self.raw(value)} is not HOLE: " if value in self.values.holes else ""',
        'guard = ""',
        "test_policies.py::test_skipping_keeps_feedback_as_it_was",
    ),
    # -- live
    Mutant(
        "new clones do not wait for their setup",
        "scaling.py",
        "errors = [clone.thread.wait_ready() for clone in added]",
        "errors = [None for clone in added]",
        "test_scaling.py",
    ),
    Mutant(
        "clones that leave are kept, and new ones are not",
        "scaling.py",
        "part.clones[stage] = kept + added",
        "part.clones[stage] = present",
        "test_scaling.py",
    ),
    # -- statistics
    Mutant(
        "a call that has not returned is not seen",
        "telemetry/times.py",
        "return time if time >= 0 else max(0.0, time + now)",
        "return max(0.0, time)",
        "test_statistics.py::test_clones_are_busy_in_a_call_and_starved_without_an_item",
    ),
    Mutant(
        "what clones did that have left is forgotten",
        "scaling.py",
        "part.former[stage].add(",
        "any(",
        "test_statistics.py::test_items_of_clones_that_left_are_kept",
    ),
    Mutant(
        "a head that pulls from clones takes their time for its own",
        "telemetry/states.py",
        "busy = self.states[chain.head].busy - before",
        "busy = self.states[chain.head].busy",
        "test_statistics.py::test_a_head_that_pulls_from_clones_starves_for_them",
    ),
    Mutant(
        "nothing wakes the autoscaler",
        "telemetry/probes.py",
        "wake()",
        "pass",
        "test_autoscaling.py::test_it_sleeps_while_the_run_is_idle_and_the_next_item_wakes_it",
    ),
    # -- sessions
    Mutant(
        "an item is for the session of the item before",
        "copies.py",
        'self.current = getattr(request, "stream", None)',
        'self.current = self.current or getattr(request, "stream", None)',
        "test_sessions.py::test_items_of_no_session_are_one_stream_beside_the_others",
    ),
    Mutant(
        "what a session remembered is kept after its end",
        "copies.py",
        "for cells in self._made.pop(request.stream, {}).values():",
        "for cells in self._made.get(request.stream, {}).values():",
        "test_sessions.py::test_a_session_that_was_closed_has_let_its_state_go",
    ),
    Mutant(
        "the end of a session does not finish its copies",
        "copies.py",
        "cells.finish()",
        "pass",
        "test_sessions.py::"
        "test_a_copy_lives_from_the_first_item_to_the_end_of_its_session_in_the_thread_of_its_cell",
    ),
    Mutant(
        "the end of a run forgets the copies of open sessions",
        "threads.py",
        "errors = [] if copies is None else copies.tear_down()",
        "errors = []",
        "test_sessions.py::test_the_end_of_the_run_tears_down_the_copies_of_open_sessions",
    ),
    Mutant(
        "sessions share what `__init__` made",
        "deploy.py",
        "return running_copy(definition, path, context, deep=True)",
        "return running_copy(definition, path, context, deep=False)",
        "test_sessions.py::test_what_init_made_is_not_shared_between_sessions",
    ),
    Mutant(
        "a session that has ended takes items",
        "entry.py",
        "if stream is not None and stream.ended:",
        "if stream is not None and not stream:",
        "test_sessions.py::test_a_session_that_has_ended_takes_nothing",
    ),
    # -- replies
    Mutant(
        "a reply does not count what an item becomes",
        "reply.py",
        "self._parts += 1",
        "pass",
        "test_results.py::test_an_item_gives_all_that_it_becomes_in_order",
    ),
    Mutant(
        "a reply has room for any number of results",
        "reply.py",
        "return len(self._values) == self._ahead and self._error is None",
        "return False",
        "test_results.py::test_no_more_is_made_ahead_than_the_window",
    ),
    Mutant(
        "the end of a run forgets who waits for results",
        "core.py",
        "reply.fail(self.why_stopped())",
        "pass",
        "test_results.py::test_stop_ends_every_reply",
    ),
    Mutant(
        "an iterator that was let go cancels nothing",
        "results.py",
        "weakref.finalize(self, reply.cancel)",
        "weakref.finalize(self, int)",
        "test_results.py::test_a_loop_that_is_left_drops_the_rest",
    ),
]
