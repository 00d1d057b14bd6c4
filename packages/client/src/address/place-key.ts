import { TlsClientContext } from '@headrace/core';
import { socketHost } from '@headrace/core/authoring';

/** The members of a place that identify it. */
interface KnownPlace {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
  readonly name?: unknown;
  readonly network?: object;
  readonly transport?: object;
  readonly tls?: { readonly servername?: unknown };
}

const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** Returns the same key for two objects that name the same place. */
export function placeKey(place: unknown): string {
  if (typeof place !== 'object' || place === null || place instanceof URL) return String(place);
  const { host, port, path, name, network, transport, tls } = place as KnownPlace;
  const parts = [hostKey(host), port, path, name, numberOf(network), numberOf(transport)];
  // A custom place of a connector has no known members to compare.
  if (parts.every((part) => part === undefined)) return `place ${numberOf(place)}`;
  const isContext = tls instanceof TlsClientContext;
  parts.push(isContext ? numberOf(tls) : tls && hostKey(tls.servername ?? host));
  return JSON.stringify(parts.map(String));
}

function hostKey(host: unknown): unknown {
  return typeof host === 'string' ? socketHost(host).toLowerCase() : host;
}

function numberOf(object: object | undefined): number | undefined {
  if (object === undefined) return undefined;
  const number = numbers.get(object) ?? ++lastNumber;
  numbers.set(object, number);
  return number;
}
