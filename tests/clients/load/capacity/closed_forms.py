"""Queues whose answer is known without simulating. Source: Kleinrock, Queueing Systems, volume 1 (1975)."""

import math


def mm1_percentile_s(rate: float, service_s: float, share: float) -> float:
    """Time in an M/M/1 system, waiting included, that `share` of the customers do not exceed."""
    return -math.log(1 - share) / (1 / service_s - rate)


def mmc_mean_wait_s(rate: float, service_s: float, servers: int) -> float:
    """Mean wait of M/M/c before service (Erlang's second formula)."""
    offered = rate * service_s
    free = sum(offered**busy / math.factorial(busy) for busy in range(servers))
    all_busy = offered**servers / math.factorial(servers) / (1 - offered / servers)
    return all_busy / (free + all_busy) * service_s / (servers - offered)


def mg1_mean_wait_s(rate: float, service_s: float, variation: float) -> float:
    """Mean wait of M/G/1 before service (Pollaczek and Khinchine)."""
    load = rate * service_s
    return load * service_s * (1 + variation**2) / (2 * (1 - load))
