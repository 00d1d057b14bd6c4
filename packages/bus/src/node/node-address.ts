import { socketHost } from '@headrace/core/authoring';

/** The address of a node, as other nodes and clients use it. @throws an error for an invalid address */
export function toAddress(
  value: unknown,
): { readonly host: string; readonly port: number } | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { host, port } = value as Record<string, unknown>;
  if (typeof host !== 'string' || host.length > 255) throw new Error('an address without a host');
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) {
    throw new Error(`an address with the port ${String(port)}`);
  }
  return { host: socketHost(host), port: port as number };
}
