// There is no TLS in a page: what asks for it says so.
function refuse(): never {
  throw new Error('TLS needs Node: a page has no certificates and no sockets');
}

export class TLSSocket {
  constructor() {
    refuse();
  }
}

export class Server extends TLSSocket {}

export const connect = refuse;
export const createServer = refuse;
export const createSecureContext = refuse;
export const checkServerIdentity = refuse;
export const rootCertificates: readonly string[] = [];
export const DEFAULT_MIN_VERSION = 'TLSv1.2';
export const DEFAULT_MAX_VERSION = 'TLSv1.3';
export default {
  Server,
  TLSSocket,
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  rootCertificates,
};
