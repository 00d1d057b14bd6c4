import { recognizeCopies } from './package/recognize-copies.ts';

/**
 * Encryption is about to begin in mid-connection. A handler that still holds input reports it: it came
 * unencrypted after the request for TLS, anybody may have put it there, and the upgrade is refused.
 */
export class TlsUpgradeEvent {
  static {
    recognizeCopies(TlsUpgradeEvent, 'headrace.TlsUpgradeEvent');
  }

  private held = 0;

  /** Bytes of input that handlers reported to hold. */
  get heldBytes(): number {
    return this.held;
  }

  /** A handler reports that it holds this many bytes of input. */
  holding(bytes: number): void {
    this.held += bytes;
  }
}
