"""Makes rides.csv: one hour of the ride-sharing city, 60 seconds of replay. Run: python datasets/rides/make.py"""

from pathlib import Path

from mlprod.systems.city import City

City.simulate(seed=7, seconds=60, zones=4).save(Path(__file__).with_name("rides.csv"))
