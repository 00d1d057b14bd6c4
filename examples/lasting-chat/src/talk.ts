// npm run talk -- NAME: through the cutter if it runs, else straight to the server.
import { Bootstrap, silentLogger } from '@headrace/core';
import { CUTTER_PORT, PASSWORD, SERVER_PORT } from './settings.ts';
import { startTerminal } from './terminal.ts';

/** The talker keeps to one port: a place that failed would be the last one next time, and the cutter fails each 2 s. */
async function portInUse(): Promise<number> {
  try {
    const probe = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler(() => {})
      .connect({ host: '127.0.0.1', port: CUTTER_PORT });
    probe.close();
    return CUTTER_PORT;
  } catch {
    return SERVER_PORT;
  }
}

const name = process.argv[2] ?? 'ann';
const port = await portInUse();
console.log(port === CUTTER_PORT ? 'through the cutter' : 'straight to the room: no cutter runs');
const channel = await startTerminal({
  name,
  password: PASSWORD,
  ports: [port],
  note: (line) => console.log(line),
});
process.once('SIGINT', () => void channel.end());
const { reason, error } = await channel.closed;
console.log(`the end: ${error?.message ?? reason}`);
