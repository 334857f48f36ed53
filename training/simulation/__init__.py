"""A synthetic bank: households whose bookings show life events, look-alikes and everyday life, with the truth beside.

Everything written is invented; figures come from dated parameter tables in training/params.
"""

from training.simulation.bank import SimulationSummary, persona, simulate

__all__ = ["SimulationSummary", "persona", "simulate"]
