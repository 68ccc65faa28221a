"""Deep image prior: torch and numpy only, no pictures' metadata, no viewer.

`solver.iterate` is the loop; `problem.Problem` says what is known, `settings.Settings` how to solve it.
"""

import os

# Threads that spin while they wait take the cores from whatever draws the window meanwhile, and two such
# programs side by side slow one another more than tenfold. OpenMP reads this when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Memory of more than 2 MiB comes in pages of that size where the system has them: 500 times fewer, and of a
# plane of 2048 x 2048 half of the time went into them. torch reads this when it first makes a tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
