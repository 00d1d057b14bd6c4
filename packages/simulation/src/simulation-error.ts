/**
 * The error of a simulation that cannot continue, or of a failed check. The message contains the time, the host and the
 * reason.
 */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
}
