import { lookup } from 'node:dns/promises';
import type { AddressFunction } from '@headrace/client';
import type { PortPlace } from '@headrace/core';
import { checkKind, checkNumber, socketHost } from '@headrace/core/authoring';

/**
 * Returns a function that finds the nodes of a mesh by the A and AAAA records of a name, for the option `peers`: one node at each
 * address of the name, all on one port. A headless service of Kubernetes has such a name, and a service of Docker Compose, too.
 *
 * @param name - name of the nodes, for example `chat.internal`
 * @param port - port on which all nodes listen
 * @throws OptionError
 * @example
 * ```ts run
 * import { hostPlaces } from '@headrace/bus/mesh';
 *
 * const places = await hostPlaces('localhost', 7700)({ signal: AbortSignal.timeout(5000) });
 * console.log(places.every(({ port }) => port === 7700)); // prints true
 * ```
 */
export function hostPlaces(name: string, port: number): AddressFunction<PortPlace> {
  checkKind('name', name, typeof name === 'string' && name !== '', 'the name of the nodes');
  checkNumber('port', port, { min: 1, max: 65_535, integer: true });
  return async () => {
    const found = await lookup(socketHost(name), { all: true });
    return found.map(({ address: host }) => ({ host, port }));
  };
}
