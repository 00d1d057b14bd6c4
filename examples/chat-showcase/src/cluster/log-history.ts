import type { DurableGroup, DurableOutcome } from '@headrace/cluster/durable';
import type { Recent, RoomHistory, Said } from '../room/said.ts';

const MAX_MESSAGES = 50;
const MAX_BYTES = 64 * 1024;

/** The last messages of a room over many nodes, from its log: at most 50, and about 64 KiB of them. */
export class LogHistory implements RoomHistory {
  private readonly kept: DurableGroup<Said>;

  constructor(kept: DurableGroup<Said>) {
    this.kept = kept;
  }

  /** May fail while the bus is down: present members get the message all the same. */
  add(said: Said): DurableOutcome {
    return this.kept.write(said);
  }

  async latest(): Promise<Recent> {
    try {
      const { entries, position } = await this.kept.history.newest(MAX_MESSAGES);
      const { epoch, offset: total } = position;
      let bytes = 0;
      const messages: Said[] = [];
      for (const { message } of [...entries].reverse()) {
        bytes += Buffer.byteLength(message.text);
        if (bytes > MAX_BYTES) break;
        messages.unshift(message);
      }
      return { epoch, total, messages };
    } catch {
      // The bus is down: the room goes on, its past comes later.
      return { epoch: '', total: 0, messages: [] };
    }
  }
}
