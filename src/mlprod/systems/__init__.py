"""What the mini-systems stand on: processes, brokers, databases, services, load, clocks."""
