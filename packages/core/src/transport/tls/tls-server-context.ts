import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls, { type SecureContext, type TLSSocket } from 'node:tls';
import { OptionError } from '../../errors.ts';
import { choice, unchecked } from '../../option/option-kind.ts';
import { describePart } from '../../option/option-set.ts';
import { printable } from '../../text/printable.ts';
import type { TlsOutcome } from './tls-handshake.ts';
import {
  checkAlpn,
  HANDSHAKE_TIMEOUT,
  hasCertificate,
  secureContextOf,
  TLS_IDENTITY,
  type TlsIdentity,
} from './tls-identity.ts';

/** TLS of a server: its own certificate for clients that name no server, and what it asks of clients. */
export interface TlsServerOptions extends TlsIdentity {
  /**
   * Certificates by the server name that the client asks for (SNI); `*.example.com` stands for one label.
   * A name that is not here gets the certificate beside this table; if there is none, the handshake fails.
   * @default none
   */
  readonly names?: Readonly<Record<string, TlsIdentity>>;
  /** The protocols we speak, best first (ALPN). A client that offers others is refused. @default none */
  readonly alpn?: readonly string[];
  /**
   * Ask clients for a certificate; `'require'` refuses those that show none or one that no authority in `ca`
   * signed; `'request'` lets them in without a verified identity. @default false
   */
  readonly clientCertificate?: false | 'request' | 'require';
  /** How long a handshake may take; `false` for no limit. @default 10000 */
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

/** Node's own limit cannot be switched off; ours comes first. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * TLS of a server, checked and made once, used by every connection. `reload` replaces it for the connections
 * that come; the existing ones keep what they have.
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

  /** How long a handshake may take; `Infinity` for no limit. */
  get handshakeTimeoutMs(): number {
    return this.timeoutMs;
  }

  /**
   * Takes new certificates and rules. Options that are not given stay as they are. If the new ones are not
   * usable, this throws an `OptionError` and the old ones stay.
   */
  reload(options: TlsServerOptions): void {
    OPTIONS.checkNames(options);
    const merged = { ...this.options, ...options };
    const { makeServer, timeoutMs } = build(merged);
    this.server = makeServer();
    this.makeServer = makeServer;
    this.options = merged;
    this.timeoutMs = timeoutMs;
  }

  /** @internal */
  start(raw: Duplex, done: TlsOutcome): void {
    // Node's documented way to put a connection of our own into a TLS server is its event. The server reports
    // the outcome on itself; a per-connection object that inherits from it reports for one connection only.
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

/** Bun reports on the server that was constructed, whatever inherits from it; there one costs 40 µs. */
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
    SNICallback: (servername, callback) => {
      const context = contextFor(contexts, servername);
      if (context === undefined && !hasDefault) {
        callback(new Error(`no certificate for the server name ${shown(servername)}`));
      } else callback(null, context);
    },
  };
  return { makeServer: () => tls.createServer(serverOptions), timeoutMs };
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
    contexts.set(name.toLowerCase(), secureContextOf(where, { ...rules, ...identity }));
  }
  return contexts;
}

function contextFor(
  contexts: ReadonlyMap<string, SecureContext>,
  servername: string,
): SecureContext | undefined {
  const name = servername.toLowerCase();
  return contexts.get(name) ?? contexts.get(`*${name.slice(name.indexOf('.'))}`);
}

/** The client chose it: it must not forge a line of the log. */
function shown(servername: string): string {
  return printable(JSON.stringify(servername.slice(0, 255)));
}
