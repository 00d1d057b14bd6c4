import { OptionError } from '@headrace/core';

/** The addresses of NATS, and the credentials from before the `@`. */
export interface NatsServers {
  readonly urls: readonly string[];
  readonly credentials: { readonly user?: string; readonly pass?: string };
  /** The name for log lines. */
  readonly name: string;
}

/** @throws OptionError for a value that is not an address */
export function natsServers(servers: string | readonly string[]): NatsServers {
  const given = typeof servers === 'string' ? servers.split(',') : servers;
  if (!Array.isArray(given) || given.length === 0) throw notServers();
  let credentials: NatsServers['credentials'] = {};
  const urls = given.map((text: unknown) => {
    if (typeof text !== 'string' || text.trim() === '') throw notServers();
    const url = parsed(text.trim());
    if (url.username !== '') {
      credentials = { user: decodeURIComponent(url.username) };
      if (url.password !== '') {
        credentials = { ...credentials, pass: decodeURIComponent(url.password) };
      }
    }
    return `${url.protocol}//${url.hostname}:${url.port === '' ? '4222' : url.port}`;
  });
  return { urls, credentials, name: urls.join(',') };
}

function parsed(text: string): URL {
  const withProtocol = text.includes('://') ? text : `nats://${text}`;
  try {
    const url = new URL(withProtocol);
    if (url.hostname !== '' && ['nats:', 'tls:'].includes(url.protocol)) return url;
  } catch {}
  throw notServers();
}

/** Makes an error that does not quote the value, because the value can contain a password. */
function notServers(): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    "servers is not an address of NATS, or a list of some; it looks like 'nats://127.0.0.1:4222'",
    { option: 'servers' },
  );
}
