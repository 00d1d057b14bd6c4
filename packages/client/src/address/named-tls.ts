import { type ClientTls, TlsClientContext } from '@headrace/core';

/** Returns TLS options with this name as the default `servername`. */
export function namedTls(tls: ClientTls['tls'], name: string): ClientTls['tls'] {
  if (tls === undefined || tls instanceof TlsClientContext) return tls;
  return { ...tls, servername: tls.servername ?? name };
}
