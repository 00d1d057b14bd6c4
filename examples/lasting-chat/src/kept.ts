// Channels that outlive the room: `LOG=redis://127.0.0.1:6379 npm start`. Without a log they last as long as its process.
import { openBus } from '@headrace/bus';
import { redisBus } from '@headrace/bus/redis';
import { ResumeTable } from '@headrace/lasting';
import { sessionLogOf } from '@headrace/lasting/log';

const app = 'lasting-chat';

export interface KeptTable {
  readonly table: ResumeTable;
  /** Gives all channels up, for the process that comes next. */
  readonly giveUp: () => Promise<void>;
}

export function keptIn(url: string): KeptTable {
  // What cannot be stored now is tried again by the table.
  const bus = openBus(redisBus({ url }), { app });
  const table = new ResumeTable({ log: sessionLogOf(bus, { app }) });
  return {
    table,
    giveUp: async () => {
      const { moved, failed } = await table.handOver();
      console.log(`${moved} channels go on in the next process, ${failed} have ended`);
      await bus.close();
    },
  };
}
