"""Tests that take long, which ``python3 dev.py test`` leaves out.

    python3 dev.py test -m "not gpu"    all of them
    python3 dev.py test -m slow         these alone

Each has a faster one beside it in the same file, or repeats for another machine, page or picture
what a faster one says. Clusters take minutes to set up and are here whole.
"""

from __future__ import annotations

SLOW = (  # how the names of tests begin
    "tests/executors/test_clusters.py",
    "tests/test_documented_tools.py::test_benchmarks_run",
    "tests/test_benchmarks.py::test_pgd_is_timed_beside_foolbox",
    "tests/test_benchmarks.py::test_photographs_are_measured",
    "tests/test_docs.py::test_the_notebook_runs",
    "tests/test_docs.py::test_its_python_runs",
    "tests/test_examples.py::test_examples_run",
    *(
        f"tests/test_commands.py::test_they_run[{page}.md]"
        for page in (
            "try-it",
            "r2s",
            "tutorial",
            "export",
            "imagenet",
            "gpu-queue",
            "results-small",
        )
    ),
    "tests/test_commands.py::test_they_run_in_two_processes",
    "tests/learning/test_passes.py::test_a_compiled_pass_is_the_same_but_for_rounding[residual]",
    "tests/learning/test_processes.py::test_a_killed_process_ends_the_run_and_one_can_go_on",
    "tests/learning/test_processes.py::test_processes_that_see_different_folders_are_refused",
    "tests/learning/test_photographs.py::test_two_processes_get_the_same",
    "tests/attacks/test_strong.py::test_carlini_wagner_agrees_with_foolbox",
    "tests/attacks/test_sets.py::test_a_randomised_network_listed_many_times",
    "tests/evaluation/test_signs.py::test_autoattacks_flags_and_its_square_are_signs",
    "tests/cli/test_switch_verbs.py::test_the_quick_suite_tells_what_is_left_of_a_switch",
    "tests/cli/test_switch_verbs.py::test_networks_of_ones_own_are_attacked_and_switched",
    "tests/cli/test_memory.py::test_a_batch_that_is_too_large[RuntimeError]",
    "tests/cli/test_memory.py::test_a_batch_that_is_too_large[MemoryError]",
    "tests/sweeps/test_slow_disk.py",
    "tests/export/test_exported_normalisation.py::test_an_onnx_graph_normalises[two]",
    "tests/page/test_page_in_browser.py::test_axe_finds_nothing_grave[wide-dark]",
    "tests/page/test_page_in_browser.py::test_axe_finds_nothing_grave[phone",
    "tests/page/test_page_in_browser.py::test_any_name_of_this_machine_will_do[LOCALHOST]",
    "tests/page/test_page_in_browser.py::test_any_name_of_this_machine_will_do[127.1]",
    "tests/paper/report/test_in_browser.py::test_there_is_nothing_grave",
    "tests/paper/report/test_in_browser.py::test_it_is_printed_on_few_pages",
    "tests/pictures/test_mask_pictures_in_browser.py::"
    "test_axe_finds_nothing_grave_and_nothing_is_cut_off[wide-dark]",
)
