// npm run cut: severs all links each 2 s.
import { startCutter } from './cutter.ts';
import { CUTTER_PORT, SERVER_PORT } from './settings.ts';

await startCutter({ port: CUTTER_PORT, to: SERVER_PORT, note: (line) => console.log(line) });
