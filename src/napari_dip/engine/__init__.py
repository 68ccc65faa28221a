"""Deep image prior: torch and numpy only, no pictures' metadata, no viewer.

`solver.iterate` is the loop; `problem.Problem` says what is known, `settings.Settings` how to solve it.
"""

import os

# Threads that spin while they wait take the cores from whatever draws the window meanwhile, and two such
# programs side by side slow one another more than tenfold. OpenMP reads this when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
