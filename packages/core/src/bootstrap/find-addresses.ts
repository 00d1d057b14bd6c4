import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { callSafely } from '../call/call-safely.ts';
import { toError } from '../errors.ts';
import { socketHost } from '../peer/bare-host.ts';

/**
 * Calls a lookup function, and passes on its first answer: an error, or at least one address, each address once. A function of the
 * application can answer with one address, a list, or something else. Node ignores the value that a lookup returns, and ends the
 * process at an answer of another form (https://github.com/nodejs/node/issues/57112).
 */
export function findAddresses(
  lookup: LookupFunction,
  host: string,
  options: LookupOptions,
  done: (error: Error | null, found: LookupAddress[]) => void,
): void {
  let isOver = false;
  const answered = (error: Error | null, answer?: unknown): void => {
    if (isOver) return;
    isOver = true;
    const found = error ? error : addressesIn(answer, host);
    if (found instanceof Error) done(found, []);
    else done(null, found);
  };
  callSafely(() => lookup(host, options as never, answered), undefined, answered);
}

/** Returns the addresses of an answer, or an error if it has none, or cannot be read. */
function addressesIn(answer: unknown, host: string): LookupAddress[] | Error {
  try {
    const byAddress = new Map<string, LookupAddress>();
    for (const one of [answer].flat()) {
      const given: unknown = typeof one === 'string' ? one : Object(one).address;
      const address = typeof given === 'string' ? socketHost(given) : '';
      const family = isIP(address);
      if (family !== 0) byAddress.set(address, { address, family });
    }
    return byAddress.size > 0 ? [...byAddress.values()] : notFound(host);
  } catch (thrown) {
    return toError(thrown);
  }
}

function notFound(host: string): Error {
  return Object.assign(new Error(`lookup found no address of ${host}`), { code: 'ENOTFOUND' });
}
