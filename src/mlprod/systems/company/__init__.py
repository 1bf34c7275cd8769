"""The capstone: the whole ride-sharing company, as a simulation and as a live system scored by the same oracle."""
