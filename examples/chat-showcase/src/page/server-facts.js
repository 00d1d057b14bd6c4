// What the server writes into its page: how it wants to be spoken to.

/** Never more often than this, whatever the server says. */
const MIN_INTERVAL_MS = 500;
const MAX_INTERVAL_MS = 30_000;

/**
 * How often to say PING to a server that closes after so many seconds of silence: three times as often.
 *
 * @param {number} idleSeconds
 */
export function heartbeatIntervalMs(idleSeconds) {
  const third = (idleSeconds * 1000) / 3;
  if (!(third > 0)) return MAX_INTERVAL_MS;
  return Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, third));
}

/** @returns {{ idleSeconds: number, token: 'none' | 'required' | 'optional' }} */
export function serverFacts() {
  const token = fact('chat-token');
  return {
    idleSeconds: Number(fact('chat-idle-seconds')),
    token: token === 'none' || token === 'required' ? token : 'optional',
  };
}

/** @param {string} name */
function fact(name) {
  return document.querySelector(`meta[name="${name}"]`)?.getAttribute('content') ?? '';
}
