import { printable } from '../../text/printable.ts';

/** An error of OpenSSL, with the fields that Node adds. */
interface OpenSslError extends NodeJS.ErrnoException {
  readonly reason?: string;
}

const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: 'the peer speaks HTTP without TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer does not speak TLS',
  ERR_SSL_NO_SHARED_CIPHER: 'the two sides share no cipher',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the two sides share no version of TLS',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the two sides share no version of TLS',
  ERR_SSL_NO_APPLICATION_PROTOCOL: 'the two sides share no ALPN protocol',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the two sides share no ALPN protocol',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the peer showed no certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the peer wants a certificate of ours',
  // BoringSSL's name, in Bun.
  ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED: 'the peer wants a certificate of ours',
  ECONNRESET: 'the peer ended the connection',
  EPIPE: 'the peer ended the connection',
};

/** Returns the error in one line: `the peer showed no certificate (ERR_SSL_…)`. */
export function tlsErrorText(error: Error | undefined): string {
  const { code, reason, message } = (error ?? {}) as Partial<OpenSslError>;
  const text = HINTS[code ?? ''] ?? alertText(code, reason) ?? printable(message ?? 'unknown');
  return code === undefined ? text : `${text} (${code})`;
}

/** Returns only the reason for an error, because OpenSSL's message contains internals and ends with a line feed. */
function alertText(code: string | undefined, reason: string | undefined): string | undefined {
  if (reason === undefined) return undefined;
  const isAlert = code?.includes('_ALERT_') === true;
  return isAlert ? `the peer refused the connection: ${reason}` : reason;
}

/** Returns OpenSSL's error of an encrypted connection with a message of one line, and any other error unchanged. */
export function explainTlsError(error: Error): Error {
  const { code, reason } = error as OpenSslError;
  if (reason === undefined && code?.startsWith('ERR_SSL_') !== true) return error;
  return Object.assign(new Error(tlsErrorText(error), { cause: error }), { code });
}
