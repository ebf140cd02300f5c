"""Models behind one protocol (`base.Model`): local, served, simulated. They know no database and no role."""

import os

# Read by OpenMP as torch is loaded. Its threads otherwise spin while they wait for one another, which on a machine
# that has other work makes each step up to fifteen times slower; on an idle one it makes no difference.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
