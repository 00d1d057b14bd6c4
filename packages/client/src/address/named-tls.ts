import { type ClientTls, TlsClientContext } from '@headrace/core';

/** The same TLS, whose certificate must have this name if it does not say another. */
export function namedTls(tls: ClientTls['tls'], name: string): ClientTls['tls'] {
  if (tls === undefined || tls instanceof TlsClientContext) return tls;
  return { ...tls, servername: tls.servername ?? name };
}
