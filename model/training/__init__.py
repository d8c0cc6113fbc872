"""Training of any head: samples, order, steps, the loop and the choice of weights."""
