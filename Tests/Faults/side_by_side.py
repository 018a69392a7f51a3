"""Many cases, a few at a time: each worker is a process with a world of its own, in one cluster.

Processes and not threads: a thread that starts a program hands it, for a moment, the file that another one is writing,
and the importer is right to wait for such a file.
"""

import multiprocessing
import os
import traceback

import cluster
import world as world_module
from world import World

WORKERS = int(os.environ.get("FAULTS_WORKERS", "3"))
# After so many failures nobody waits for the rest.
ENOUGH = 8


def run(test, cases, body, make_world=World, workers=WORKERS):
    """Calls `body(world, case)` for each case. A world that a case broke is replaced.

    Gives the results that were not None; fails the test with the cases that failed.
    """
    cluster.shared()
    context = multiprocessing.get_context("fork")
    next_case, failed = context.Value("i", 0), context.Value("i", 0)
    answers = context.SimpleQueue()
    cases = list(cases)

    def work():
        # What the parent has open is the parent's.
        world_module._open.clear()
        try:
            work_through()
        finally:
            world_module.close_all()
        answers.put(None)

    def work_through():
        world = None
        while failed.value < ENOUGH:
            with next_case.get_lock():
                index, next_case.value = next_case.value, next_case.value + 1
            if index >= len(cases):
                break
            try:
                world = world or make_world()
                answers.put((index, body(world, cases[index]), None))
            except Exception as error:
                failed.value += 1
                text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
                answers.put((index, None, text))
                if world:
                    world.close()
                world = None

    processes = [context.Process(target=work, daemon=True) for _ in range(min(workers, len(cases)))]
    for process in processes:
        process.start()
    results, failures, open_ends = [], [], len(processes)
    try:
        while open_ends:
            answer = answers.get()
            if answer is None:
                open_ends -= 1
            elif answer[2]:
                failures.append(f"{cases[answer[0]]}: {answer[2]}")
            elif answer[1] is not None:
                results.append(answer[1])
    finally:
        for process in processes:
            if open_ends:
                process.terminate()
            process.join(20)
            process.kill()
    if failures:
        test.fail(f"{len(failures)} of {len(cases)} cases failed:\n" + "\n=====\n".join(failures))
    return results
