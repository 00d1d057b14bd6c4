/** A simulation cannot go on, or a check of it failed: the message says at which time, on which host, and why. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
}
