import { recognizeCopies } from '../package/recognize-copies.ts';

/**
 * Announces that TLS is about to start on an open connection. A handler that holds input reports it, and the upgrade is then
 * refused. The input arrived unencrypted after the request for TLS, so an attacker might have inserted it.
 */
export class TlsUpgradeEvent {
  static {
    recognizeCopies(TlsUpgradeEvent, 'headrace.TlsUpgradeEvent');
  }

  private held = 0;

  /** Number of bytes of input that handlers hold. */
  get heldBytes(): number {
    return this.held;
  }

  /** Reports that a handler holds this number of bytes of input. */
  holding(bytes: number): void {
    this.held += bytes;
  }
}
