// The server: `npm start`; then `npm run cut` and `npm run talk -- ann`, each in a terminal of its own.
import { startServer } from './lasting-server.ts';
import { PASSWORD, SERVER_PORT } from './settings.ts';

await startServer({ port: SERVER_PORT, password: PASSWORD, note: (line) => console.log(line) });
console.log(`the room is open on port ${SERVER_PORT}`);
