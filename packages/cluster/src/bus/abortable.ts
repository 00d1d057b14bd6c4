import { toError } from '@headrace/core/authoring';
import type { BusLink } from './bus-engine.ts';

/** Rejects when the signal aborts, whether the engine heeds it or not. A link that comes too late is closed. */
export function abortable(connecting: Promise<BusLink>, signal: AbortSignal): Promise<BusLink> {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      reject(toError(signal.reason));
      connecting.then(
        (link) => void link.close(false).catch(() => {}),
        () => {},
      );
    };
    signal.addEventListener('abort', aborted, { once: true });
    connecting
      .then(resolve, (error: unknown) => reject(toError(error)))
      .finally(() => signal.removeEventListener('abort', aborted));
  });
}
