import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls, { type SecureContext } from 'node:tls';
import { OptionError, toError } from '../../errors.ts';
import { fn } from '../../option/function-option.ts';
import { flag, unchecked } from '../../option/option-kind.ts';
import { describePart } from '../../option/option-set.ts';
import type { TlsOutcome } from './tls-handshake.ts';
import {
  checkAlpn,
  HANDSHAKE_TIMEOUT,
  secureContextOf,
  TLS_IDENTITY,
  type TlsIdentity,
  tlsName,
} from './tls-identity.ts';

/** TLS options of a client: trusted authorities, and its own certificate if the server requests one. */
export interface TlsClientOptions extends TlsIdentity {
  /**
   * Host name that the server's certificate must be valid for. The name is also sent to the server (SNI).
   * @default the host connected to
   */
  readonly servername?: string;
  /** Protocols that the client supports, the preferred protocol first (ALPN). @default none */
  readonly alpn?: readonly string[];
  /**
   * Whether the server's certificate must be valid. With `false` any certificate is accepted, so an attacker can
   * intercept the connection. Use `false` in tests only.
   * @default true
   */
  readonly rejectUnauthorized?: boolean;
  /**
   * Function that checks the certificate's name in place of Node's own check, and returns an error if the name is
   * wrong.
   * @default Node's own check
   */
  readonly checkServerIdentity?: tls.ConnectionOptions['checkServerIdentity'];
  /** Maximum duration of a handshake, in milliseconds. `false` means no limit. @default 10000 */
  readonly handshakeTimeoutMs?: number | false;
}

const OPTIONS = describePart(
  'tls',
  {
    servername: unchecked(),
    alpn: unchecked(),
    rejectUnauthorized: flag({ default: true }),
    checkServerIdentity: fn({ answers: 'sync', takes: 2, purpose: 'checks a certificate' }),
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT,
  },
  TLS_IDENTITY,
);

/** The checked TLS options of a client, which all its connections use. */
export class TlsClientContext {
  /** Maximum duration of a handshake, in milliseconds. `Infinity` means no limit. */
  readonly handshakeTimeoutMs: number;
  private readonly alpn: readonly string[] | undefined;
  private readonly name: string;
  private readonly rejectUnauthorized: boolean;
  private readonly checkServerIdentity: IdentityCheck | undefined;
  private readonly secureContext: SecureContext;

  /** @param host - host connected to, for the certificate's name; without it, `servername` is needed */
  constructor(options: TlsClientOptions, host?: string) {
    const { handshakeTimeoutMs, rejectUnauthorized, checkServerIdentity } =
      OPTIONS.resolve(options);
    this.handshakeTimeoutMs = handshakeTimeoutMs;
    this.rejectUnauthorized = rejectUnauthorized;
    this.checkServerIdentity = checkServerIdentity && unthrowing(checkServerIdentity);
    checkAlpn('tls', options.alpn);
    checkName(options, host);
    this.alpn = options.alpn;
    this.name = tlsName(options.servername ?? host ?? '');
    this.secureContext = secureContextOf('tls', options);
  }

  /** @internal */
  static of(options: TlsClientOptions | TlsClientContext, host?: string): TlsClientContext {
    return options instanceof TlsClientContext ? options : new TlsClientContext(options, host);
  }

  /** @internal */
  start(raw: Duplex, done: TlsOutcome): void {
    const { alpn, name, checkServerIdentity } = this;
    const socket = tls.connect({
      socket: raw,
      secureContext: this.secureContext,
      host: name,
      // An address is not a server name (RFC 6066).
      servername: net.isIP(name) === 0 ? name : '',
      rejectUnauthorized: this.rejectUnauthorized,
      ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
      ...(checkServerIdentity !== undefined && { checkServerIdentity }),
    });
    const onError = (error: Error) => done(error, socket);
    socket.once('error', onError);
    socket.once('secureConnect', () => {
      done(undefined, socket);
      socket.off('error', onError);
    });
  }
}

type IdentityCheck = NonNullable<TlsClientOptions['checkServerIdentity']>;

/** Turns a throw of the check into a returned error, because Node calls the check where a throw is not caught. */
function unthrowing(check: IdentityCheck): IdentityCheck {
  return (host, certificate) => {
    try {
      return check(host, certificate);
    } catch (thrown) {
      return toError(thrown);
    }
  };
}

function checkName(options: TlsClientOptions, host: string | undefined): void {
  if (options.servername === '') {
    throw new OptionError('OPTION_INVALID', 'tls.servername is empty, but must be a host name', {
      option: 'tls.servername',
    });
  }
  const isNamed = options.servername !== undefined || host !== undefined;
  if (isNamed || options.rejectUnauthorized === false) return;
  throw new OptionError(
    'OPTION_CONFLICT',
    "tls.servername is missing: without a host, give the name that the server's certificate must have",
    { option: 'tls.servername' },
  );
}
