import { Buffer } from 'node:buffer';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { domainToASCII } from 'node:url';
import { OptionError } from '../../errors.ts';
import { time, unchecked } from '../../option/option-kind.ts';
import { describeOptions } from '../../option/option-set.ts';
import { socketHost } from '../../peer/bare-host.ts';

/** A certificate with its key, and the rules of encryption. The names and forms are those of `node:tls`. */
export interface TlsIdentity
  extends Pick<
    SecureContextOptions,
    | 'ca'
    | 'cert'
    | 'key'
    | 'pfx'
    | 'passphrase'
    | 'crl'
    | 'minVersion'
    | 'maxVersion'
    | 'ciphers'
    | 'ecdhCurve'
    | 'sigalgs'
  > {}

export const TLS_IDENTITY = describeOptions('TlsIdentity', {
  ca: unchecked(),
  cert: unchecked(),
  key: unchecked(),
  pfx: unchecked(),
  passphrase: unchecked(),
  crl: unchecked(),
  minVersion: unchecked(),
  maxVersion: unchecked(),
  ciphers: unchecked(),
  ecdhCurve: unchecked(),
  sigalgs: unchecked(),
});

/** A name of letters, digits and hyphens, in any script. `domainToASCII` cuts other names, for example at a slash. */
const NAME = /^[\w.*\-\u0080-\u{10ffff}]+$/u;

/**
 * Returns a host as it is in certificates and in a handshake: a name in ASCII, without the dot of an absolute name; an IPv6 address
 * without brackets and zone.
 *
 * @see RFC 6066, section 3; RFC 5890
 */
export function tlsName(host: string): string {
  const [name = ''] = host.includes(':') ? socketHost(host).split('%') : [host];
  const isInternational = /[\u0080-\u{10ffff}]/u.test(name) && NAME.test(name);
  const ascii = isInternational ? domainToASCII(name) || name : name;
  // The name of the root stays: without a name, Node checks the certificate for localhost.
  return ascii.replace(/(?<=.)\.$/, '');
}

export const HANDSHAKE_TIMEOUT = time({ default: 10_000 });

/** Returns the identity as OpenSSL's context. Throws an `OptionError` if OpenSSL refuses the identity. */
export function secureContextOf(where: string, identity: TlsIdentity): SecureContext {
  if ((identity.cert === undefined) !== (identity.key === undefined)) {
    const [has, lacks] = identity.cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
    throw new OptionError(
      'OPTION_CONFLICT',
      `${where}.${lacks} is missing beside ${where}.${has}`,
      {
        option: `${where}.${lacks}`,
      },
    );
  }
  for (const name of PEM) checkPem(`${where}.${name}`, identity[name]);
  try {
    return createSecureContext(identity);
  } catch (thrown) {
    const { message, code } = thrown as NodeJS.ErrnoException;
    throw new OptionError(
      'OPTION_INVALID',
      `${where}: the certificate, key or encryption rules are not usable: ${message}`,
      { option: where, code },
      thrown,
    );
  }
}

const PEM = ['cert', 'key', 'ca', 'crl'] as const;
const PEM_BEGIN = '-----BEGIN';

/**
 * Refuses a text or bytes that are not PEM, such as a path. OpenSSL does not name the option, and ignores a path as `ca`. The
 * error does not show the value, because the value can be a key.
 */
function checkPem(name: string, given: TlsIdentity[(typeof PEM)[number]]): void {
  for (const one of Array.isArray(given) ? given : [given]) {
    const isText = typeof one === 'string' || one instanceof Uint8Array;
    if (!isText || one.length === 0 || Buffer.from(one as string).includes(PEM_BEGIN)) continue;
    const text = `${name} has no "${PEM_BEGIN}": pass the contents of a PEM file, not its path`;
    throw new OptionError('OPTION_INVALID', text, { option: name });
  }
}

export function hasCertificate(identity: TlsIdentity): boolean {
  return identity.cert !== undefined || identity.pfx !== undefined;
}

/** Checks that each protocol name has 1 to 255 bytes, as ALPN requires. */
export function checkAlpn(where: string, names: readonly string[] | undefined): void {
  for (const name of names ?? []) {
    const bytes = typeof name === 'string' ? Buffer.byteLength(name) : 0;
    if (bytes >= 1 && bytes <= 255) continue;
    throw new OptionError(
      'OPTION_INVALID',
      `${where}.alpn holds ${JSON.stringify(name)}, but a protocol name has 1 to 255 bytes`,
      { option: `${where}.alpn` },
    );
  }
}
