import type { DurableGroup, DurableOutcome } from '@headrace/durable';
import {
  MAX_MESSAGES,
  newest,
  type Recent,
  type RoomHistory,
  type Said,
} from 'headrace-example-chat-showcase';

/** The last messages of a room over many nodes, from its log. */
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
      return { epoch, total, messages: newest(entries.map(({ message }) => message)) };
    } catch {
      // The bus is down: the room goes on, its past comes later.
      return { epoch: '', total: 0, messages: [] };
    }
  }
}
