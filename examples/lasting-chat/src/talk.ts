// npm run talk -- NAME: through the cutter if it runs, else straight to the server.

import { CUTTER_PORT, SERVER_PORT } from './ports.ts';
import { startTalker } from './talker.ts';

const name = process.argv[2] ?? 'ann';
const channel = await startTalker({
  name,
  ports: [CUTTER_PORT, SERVER_PORT],
  note: (line) => console.log(line),
});
process.once('SIGINT', () => void channel.end());
const { reason, error } = await channel.closed;
console.log(`the end: ${error?.message ?? reason}`);
