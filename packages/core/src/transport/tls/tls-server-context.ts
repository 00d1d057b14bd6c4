import { constants } from 'node:crypto';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls, { type SecureContext, type TLSSocket } from 'node:tls';
import { OptionError } from '../../errors.ts';
import { choice, unchecked } from '../../option/option-kind.ts';
import { describePart } from '../../option/option-set.ts';
import { present } from '../../option/present.ts';
import { printable } from '../../text/printable.ts';
import type { TlsOutcome } from './tls-handshake.ts';
import {
  checkAlpn,
  HANDSHAKE_TIMEOUT,
  hasCertificate,
  secureContextOf,
  TLS_IDENTITY,
  type TlsIdentity,
  tlsName,
} from './tls-identity.ts';

/** TLS options of a server: its certificate for clients that name no server, and its requirements for clients. */
export interface TlsServerOptions extends TlsIdentity {
  /**
   * Certificates by the server name that the client requests (SNI). The asterisk in `*.example.com` stands for one
   * label. For any other name, the server uses the certificate next to this table. Without that certificate, the
   * handshake fails. If clients are asked for certificates, and a name has its own `ca`, `crl` or `pfx`, no sessions are resumed.
   * @default none
   */
  readonly names?: Readonly<Record<string, TlsIdentity>>;
  /**
   * Protocols that the server supports, the preferred protocol first (ALPN). A client that offers only other
   * protocols is refused.
   * @default none
   */
  readonly alpn?: readonly string[];
  /**
   * Whether the server asks clients for a certificate. `'require'` refuses a client without a certificate, or with a
   * certificate that no authority in `ca` signed. `'request'` accepts such a client without a verified identity.
   * @default false
   */
  readonly clientCertificate?: false | 'request' | 'require';
  /** Maximum duration of a handshake, in milliseconds. `false` means no limit. @default 10000 */
  readonly handshakeTimeoutMs?: number | false;
}

const OPTIONS = describePart(
  'tls',
  {
    names: unchecked({ default: {} }),
    alpn: unchecked(),
    clientCertificate: choice([false, 'request', 'require'], { default: false }),
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT,
  },
  TLS_IDENTITY,
);

/** Node's own limit, which cannot be switched off. The limit of the handshake ends earlier. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * The checked TLS options of a server, which all its connections use. `reload` replaces the options for later
 * connections. Existing connections keep the earlier options.
 */
export class TlsServerContext {
  private options!: TlsServerOptions;
  private makeServer!: () => tls.Server;
  private server!: tls.Server;
  private timeoutMs!: number;

  constructor(options: TlsServerOptions) {
    this.reload(options);
  }

  /** @internal */
  static of(tls: TlsServerOptions | TlsServerContext): TlsServerContext {
    return tls instanceof TlsServerContext ? tls : new TlsServerContext(tls);
  }

  /** Maximum duration of a handshake, in milliseconds. `Infinity` means no limit. */
  get handshakeTimeoutMs(): number {
    return this.timeoutMs;
  }

  /**
   * Sets new certificates and rules. Options that are not given stay unchanged. If the new options are not usable,
   * the method throws an `OptionError` and changes nothing.
   */
  reload(options: TlsServerOptions): void {
    OPTIONS.checkNames(options);
    const merged = { ...this.options, ...present(options) };
    const { makeServer, timeoutMs } = build(merged);
    this.server = makeServer();
    this.makeServer = makeServer;
    this.options = merged;
    this.timeoutMs = timeoutMs;
  }

  /** @internal */
  start(raw: Duplex, done: TlsOutcome): void {
    // Node documents the event `connection` of a TLS server as the way to pass it a connection of another source.
    // The server reports the result on itself. An object that inherits from the server reports for one connection
    // only.
    const server = CONNECTIONS_NEED_SERVERS ? this.makeServer() : Object.create(this.server);
    server.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      if (event === 'secureConnection') done(undefined, args[0] as TLSSocket);
      else if (event === 'tlsClientError') done(args[0] as Error, args[1] as TLSSocket);
      return true;
    };
    (net.Server.prototype.emit as (event: string, socket: Duplex) => boolean).call(
      server,
      'connection',
      raw,
    );
  }
}

/**
 * Whether each connection needs a server of its own. Bun reports on the constructed server, even if an object
 * inherits from it. In Bun, a server costs 40 µs.
 */
const CONNECTIONS_NEED_SERVERS = process.versions['bun'] !== undefined;

function build(options: TlsServerOptions): {
  readonly makeServer: () => tls.Server;
  readonly timeoutMs: number;
} {
  const {
    names,
    alpn,
    clientCertificate,
    handshakeTimeoutMs: timeoutMs,
  } = OPTIONS.resolve(options);
  const identity = TLS_IDENTITY.only(options);
  checkAlpn('tls', alpn);
  checkClientCertificate(clientCertificate, identity);
  if (!hasCertificate(identity) && Object.keys(names).length === 0) {
    throw new OptionError(
      'OPTION_CONFLICT',
      'tls has no certificate: pass cert and key, or pfx, or names with one for each server name',
      { option: 'tls.cert' },
    );
  }
  secureContextOf('tls', identity);
  const contexts = contextsOf(names, identity);
  const hasDefault = hasCertificate(identity);
  const serverOptions: tls.TlsOptions = {
    ...identity,
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
    requestCert: clientCertificate !== false,
    rejectUnauthorized: clientCertificate === 'require',
    handshakeTimeout: LONGEST_MS,
    ...(clientCertificate !== false &&
      trustDiffers(names) && { secureOptions: constants.SSL_OP_NO_TICKET }),
    SNICallback: (servername, callback) => {
      const context = contextFor(contexts, servername);
      if (context === undefined && !hasDefault) {
        callback(new Error(`no certificate for the server name ${shown(servername)}`));
      } else callback(null, context);
    },
  };
  return { makeServer: () => tls.createServer(serverOptions), timeoutMs };
}

/**
 * Returns true if a client certificate that is accepted for one name could be refused for another. OpenSSL resumes a session before
 * it knows the name, and verifies no certificate again. So such a server resumes no sessions.
 *
 * @see CVE-2025-23419, the same fault in nginx
 */
function trustDiffers(names: Readonly<Record<string, TlsIdentity>>): boolean {
  return Object.values(names).some(({ ca, crl, pfx }) => (ca ?? crl ?? pfx) !== undefined);
}

function checkClientCertificate(policy: string | false, identity: TlsIdentity): void {
  if (policy === false || identity.ca !== undefined || identity.pfx !== undefined) return;
  throw new OptionError(
    'OPTION_CONFLICT',
    `tls.clientCertificate is '${policy}' without tls.ca: a certificate of any public authority would be accepted; ` +
      'pass the authority that signs the certificates of your clients',
    { option: 'tls.ca' },
  );
}

function contextsOf(
  names: Readonly<Record<string, TlsIdentity>>,
  own: TlsIdentity,
): Map<string, SecureContext> {
  const { cert: _cert, key: _key, pfx: _pfx, passphrase: _passphrase, ...rules } = own;
  const contexts = new Map<string, SecureContext>();
  for (const [name, identity] of Object.entries(names)) {
    const where = `tls.names["${name}"]`;
    TLS_IDENTITY.checkNames(identity, where);
    if (!hasCertificate(identity)) {
      throw new OptionError('OPTION_CONFLICT', `${where} has no certificate`, { option: where });
    }
    contexts.set(
      tlsName(name).toLowerCase(),
      secureContextOf(where, { ...rules, ...present(identity) }),
    );
  }
  return contexts;
}

function contextFor(
  contexts: ReadonlyMap<string, SecureContext>,
  servername: string,
): SecureContext | undefined {
  const name = tlsName(servername).toLowerCase();
  return contexts.get(name) ?? contexts.get(`*${name.slice(name.indexOf('.'))}`);
}

/** Returns the name that the client chose, in a form that cannot forge a line of the log. */
function shown(servername: string): string {
  return printable(JSON.stringify(servername.slice(0, 255)));
}
