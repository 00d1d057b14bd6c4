import dns, { type LookupAddress } from 'node:dns';
import net from 'node:net';
import type { Channel, Clock, PortPlace } from '@headrace/core';
import { findAddresses, socketHost } from '@headrace/core/authoring';
import { interleaved, raceAddresses } from './address-race.ts';
import type { Connector } from './connector.ts';

/** Maximum number of addresses of a name that are tried in one connect. */
const MAX_ADDRESSES = 32;

/** Returns true for a host name, which can have several addresses. */
export function isHostName(place: unknown): place is PortPlace {
  if (typeof place !== 'object' || place === null) return false;
  const { host = 'localhost', port, network } = place as Record<string, unknown>;
  // A simulated network has its own names.
  if (port === undefined || network !== undefined) return false;
  return typeof host === 'string' && net.isIP(socketHost(host)) === 0;
}

/**
 * Connects to the addresses of a host name through another connector, see {@link raceAddresses}. The other connector receives the
 * name, for TLS, and a `lookup` that returns only one address.
 */
export class RacingConnector<P, C extends Channel> implements Connector<P, C> {
  private readonly connector: Connector<P, C>;
  private readonly raceMs: number;
  private readonly clock: Clock;

  constructor(connector: Connector<P, C>, raceMs: number, clock: Clock) {
    this.connector = connector;
    this.raceMs = raceMs;
    this.clock = clock;
  }

  connect(place: P, options: { readonly signal: AbortSignal }): Promise<C> {
    if (!isHostName(place)) return this.connector.connect(place, options);
    return this.race(place, options.signal);
  }

  private async race(place: P & PortPlace, signal: AbortSignal): Promise<C> {
    const found = await lookupAll(place);
    signal.throwIfAborted();
    const connectTo = (lookup: net.LookupFunction, cancel: AbortSignal): Promise<C> =>
      this.connector.connect({ ...place, lookup }, { signal: cancel });
    // The bootstrap creates the error for an unknown name.
    if ('error' in found)
      return connectTo((_host, _options, done) => done(found.error, ''), signal);
    return raceAddresses({
      addresses: interleaved(found.addresses).slice(0, MAX_ADDRESSES),
      raceMs: this.raceMs,
      clock: this.clock,
      connect: (address, cancel) => connectTo(lookupOf(address), cancel),
      signal,
    });
  }
}

type Found = { readonly addresses: LookupAddress[] } | { readonly error: Error };

function lookupAll({
  host = 'localhost',
  family = 0,
  lookup = dns.lookup,
}: PortPlace): Promise<Found> {
  return new Promise((resolve) =>
    findAddresses(lookup, socketHost(host), { all: true, family }, (error, addresses) =>
      resolve(error === null ? { addresses } : { error }),
    ),
  );
}

function lookupOf(one: LookupAddress): net.LookupFunction {
  return (_host, options, done) =>
    options.all === true ? done(null, [one]) : done(null, one.address, one.family);
}
