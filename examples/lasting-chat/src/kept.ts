// Channels that outlive the room: `LOG=redis://127.0.0.1:6379 npm start`. Without a log they last as long as its process.
import { ResumeTable } from '@headrace/lasting';
import { redisSessionLog } from '@headrace/lasting/redis';
import { createClient } from '@redis/client';

export interface KeptTable {
  readonly table: ResumeTable;
  /** Gives all channels up, for the process that comes next. */
  readonly giveUp: () => Promise<void>;
}

export async function keptIn(url: string): Promise<KeptTable> {
  // What cannot be stored now is tried again by the table, so no command needs to wait here.
  const client = createClient({ url, disableOfflineQueue: true });
  client.on('error', (error: Error) => console.error(`${error.message}: channels wait for Redis`));
  await client.connect();
  const table = new ResumeTable({ log: redisSessionLog({ client }) });
  return {
    table,
    giveUp: async () => {
      const { moved, failed } = await table.handOver();
      console.log(`${moved} channels go on in the next process, ${failed} have ended`);
      await client.close();
    },
  };
}
