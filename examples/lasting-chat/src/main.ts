// The room: `npm start`; then the page in a browser, or `npm run cut` and `npm run talk -- ann`, each in a terminal of
// its own.
import { keptIn } from './kept.ts';
import { startServer } from './lasting-server.ts';
import { bundlePage } from './page/bundle.ts';
import { startPageServer } from './page-server.ts';
import { openRoom } from './room.ts';
import { PAGE_PORT, PASSWORD, SERVER_PORT } from './settings.ts';

const log = process.env['LOG'];
const kept = log === undefined ? undefined : keptIn(log);
const room = openRoom({
  password: PASSWORD,
  note: (line) => console.log(line),
  ...(kept && { table: kept.table }),
});
await startServer({ room, port: SERVER_PORT });
await startPageServer({ room, port: PAGE_PORT, program: await bundlePage() });
console.log(
  `the room is open on port ${SERVER_PORT}, and for browsers at http://127.0.0.1:${PAGE_PORT}/`,
);

if (kept !== undefined) {
  const end = async (): Promise<void> => {
    await kept.giveUp();
    process.exit(0);
  };
  process.once('SIGINT', end).once('SIGTERM', end);
}
