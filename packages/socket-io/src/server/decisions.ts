import { type Channel, OptionError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { SocketIoHandshake } from '../namespace/handshake.ts';
import type {
  SocketIoDecision,
  SocketIoNamespace,
  SocketIoRefusal,
} from '../namespace/socket-io-namespace.ts';

/** The decisions of the application about one connection. */
export class Decisions {
  /** Number of decisions that are under way, those about namespaces that the client has left meanwhile included. */
  pending = 0;
  private readonly changed: () => void;

  /** @param changed - called when `pending` has changed */
  constructor(changed: () => void) {
    this.changed = changed;
  }

  /** Resolves with the decision about a client. An error of the application is logged, and refuses the client. */
  async decide(
    { name, authorize }: SocketIoNamespace<never, never>,
    handshake: SocketIoHandshake,
    channel: Channel,
  ): Promise<SocketIoDecision> {
    this.add(1);
    try {
      return checked(await authorize!(handshake), name);
    } catch (thrown) {
      channel.logger.log('error', `${channel} authorize of ${name} failed`, toError(thrown));
      return { message: 'internal error' };
    } finally {
      this.add(-1);
    }
  }

  private add(count: number): void {
    this.pending += count;
    this.changed();
  }
}

/** Checks what the application has decided. */
function checked(decision: SocketIoDecision, name: string): SocketIoDecision {
  if (typeof decision === 'boolean' || typeof decision === 'function') return decision;
  if (typeof (decision as SocketIoRefusal | undefined)?.message === 'string') return decision;
  const text = `authorize of ${name} must give true, false, a function, or an object with a message`;
  throw new OptionError('OPTION_INVALID', text, { option: 'authorize' });
}
