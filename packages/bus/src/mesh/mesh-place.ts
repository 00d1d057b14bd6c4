import { urlHost } from '@headrace/core/authoring';
import { toAddress } from '../node/node-address.ts';

/** An address at which a node listens for other nodes. */
export interface MeshPlace {
  /** Host name or IP address. */
  readonly host: string;
  /** Port, from 1 to 65535. */
  readonly port: number;
}

/** Returns the place as text, which is its key in tables, too. */
export function placeText({ host, port }: MeshPlace): string {
  return `${urlHost(host)}:${port}`;
}

/**
 * Returns the valid places of a list that came from outside.
 *
 * @throws Error if one of them is not a place
 */
export function toPlaces(list: unknown): MeshPlace[] {
  if (!Array.isArray(list)) throw new Error('no list of addresses');
  return list.map((one: unknown) => {
    const place = toAddress(one);
    if (place === undefined) throw new Error('an address without host and port');
    return place;
  });
}
