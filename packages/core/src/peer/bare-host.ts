/** An IPv4-mapped address as Node and most others write it, and as `URL` writes it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const ADDRESS = /^[\d:.a-f]+$/i;
const MAPPED_IN_URL = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/;

/**
 * Returns a host as sockets, look-ups and certificates write it. An IPv6 address loses the brackets that `URL`, headers and
 * `host:port` put around it, and `localhost` the dot of the root, with which most systems do not know it. Every place that takes a
 * host takes both forms, and passes on this one.
 */
export function socketHost(host: string): string {
  if (host.charCodeAt(0) === 0x5b && host.includes(':')) return host.replace(/^\[(.*)\]$/, '$1');
  return host.length === 10 && host.toLowerCase() === 'localhost.' ? 'localhost' : host;
}

/** Returns a host as `URL`, headers and `host:port` write it: an IPv6 address in brackets. */
export function urlHost(host: string): string {
  const bare = socketHost(host);
  return bare.includes(':') ? `[${bare}]` : bare;
}

/**
 * Returns an address as lists and limits compare it: without brackets and zone, and as IPv4 if it is an IPv4-mapped address, in
 * whatever spelling (`::ffff:192.0.2.7`, `::ffff:c000:207`).
 *
 * @see RFC 4291, section 2.5.5.2
 */
export function bareHost(host: string): string {
  if (!host.includes(':')) return host;
  const [bare = ''] = socketHost(host).split('%');
  const dotted = MAPPED.exec(bare)?.[1];
  if (dotted !== undefined || !/ffff/i.test(bare) || !ADDRESS.test(bare)) return dotted ?? bare;
  const url = `http://[${bare}]`;
  const groups = URL.canParse(url) ? MAPPED_IN_URL.exec(new URL(url).hostname) : null;
  if (groups === null) return bare;
  const [high, low] = groups.slice(1).map((group) => Number.parseInt(group, 16)) as [
    number,
    number,
  ];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
